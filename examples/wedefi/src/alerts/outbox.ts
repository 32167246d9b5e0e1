// Events that are still to be told: "AlertEvent" is their outbox.
//
// Promises: an event is taken by one deliverer at a time, for the length of a lease; whoever is killed with it loses it when that ends, and
// another takes it again. It is told at least once, or given up after the last attempt, and then says so (`failedAt`): a deliverer that was lost
// counts as an attempt, so nothing is tried for ever. A late word of one whose lease is over changes nothing but for the better: that an event was
// delivered holds whoever says it; that an attempt failed is heard only from the latest one. The clock of the database decides.

import { sql } from 'drizzle-orm'
import type { Queryable } from 'pgstrata'
import { ask } from '../ask.ts'
import type { Direction, Kind } from './kinds.ts'

export interface TakenEvent {
  readonly id: string
  readonly alertId: string
  readonly episode: number
  /** Of this delivery, from 1. */
  readonly attempt: number
  readonly value: string
  readonly at: Date
  readonly kind: Kind
  readonly metric: string
  readonly direction: Direction
  readonly threshold: string
  readonly tokenId: string | null
  readonly walletId: string | null
}

/** Between attempts. */
const waitsMs = [5_000, 30_000, 120_000, 600_000, 3_600_000, 21_600_000, 86_400_000]
export const mostAttempts: number = waitsMs.length + 1

const lostFailure = 'no word of the last attempt'

export interface TakeChoice {
  readonly limit: number
  readonly leaseMs: number
}

export interface Taken {
  readonly events: readonly TakenEvent[]
  /** Given up: their last attempt was never heard of again. */
  readonly lost: number
}

/** Those that wait longest. What somebody else is taking is passed over. */
export async function takeEvents(on: Queryable, { limit, leaseMs }: TakeChoice): Promise<Taken> {
  const rows = await ask<{ event: TakenEvent | null; lost: number }>(
    on,
    sql`
    with due as materialized (
      select id, attempts
      from "AlertEvent"
      where "deliveredAt" is null
        and "failedAt" is null
        and "nextAttemptAt" <= now()
      order by "nextAttemptAt", id
      limit ${limit}
      for no key update skip locked
    ),
    lost as (
      update "AlertEvent" as event
      set "failedAt" = now(),
        failure = ${lostFailure}
      from due
      where event.id = due.id
        and due.attempts >= ${mostAttempts}
      returning 1
    ),
    taken as (
      update "AlertEvent" as event
      set attempts = due.attempts + 1,
        "nextAttemptAt" = now() + ${leaseMs}::integer * interval '1 millisecond'
      from due
      where event.id = due.id
        and due.attempts < ${mostAttempts}
      returning event.id, event."alertId", event.episode, event.attempts, event.value, event."at"
    )
    select json_build_object(
        'id', taken.id::text,
        'alertId', taken."alertId"::text,
        'episode', taken.episode,
        'attempt', taken.attempts,
        'value', taken.value::text,
        'at', taken."at",
        'kind', alert.kind,
        'metric', alert.metric,
        'direction', alert.direction,
        'threshold', alert.threshold::text,
        'tokenId', alert."tokenId",
        'walletId', alert."walletId"
      ) as event,
      0 as lost
    from taken
    join "Alert" as alert on alert.id = taken."alertId"
    union all
    select null, count(*)::integer
    from lost`,
  )
  const events = rows.flatMap(({ event }) => (event === null ? [] : [{ ...event, at: new Date(event.at) }]))
  return { events, lost: rows.reduce((sum, { lost }) => sum + lost, 0) }
}

/** It was taken by its receiver. */
export async function acknowledge(on: Queryable, { id }: Pick<TakenEvent, 'id'>): Promise<void> {
  await ask(
    on,
    sql`
    update "AlertEvent"
    set "deliveredAt" = now(),
      "failedAt" = null,
      failure = null
    where id = ${id}::bigint
      and "deliveredAt" is null`,
  )
}

export interface Refusal {
  /** Without address, secret or anything that the receiver said. */
  readonly failure: string
  /** It is not worth another attempt. */
  readonly isFinal: boolean
}

/** This attempt failed: it comes again after a wait, or is given up. */
export async function refuse(
  on: Queryable,
  { id, attempt }: Pick<TakenEvent, 'id' | 'attempt'>,
  { failure, isFinal }: Refusal,
): Promise<{ readonly isGivenUp: boolean }> {
  const waitMs = isFinal ? undefined : waitsMs[attempt - 1]
  const noted = await ask(
    on,
    sql`
    update "AlertEvent"
    set failure = ${failure.slice(0, 200)},
      "failedAt" = case when ${waitMs === undefined}::boolean then now() end,
      "nextAttemptAt" = now() + ${waitMs ?? 0}::integer * interval '1 millisecond'
    where id = ${id}::bigint
      and attempts = ${attempt}
      and "deliveredAt" is null
      and "failedAt" is null
    returning 1`,
  )
  // None: the word is of an attempt that another has followed.
  return { isGivenUp: waitMs === undefined && noted.length > 0 }
}
