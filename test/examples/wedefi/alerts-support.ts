// What the tests of alerts share: alerts, events, and the plain state machine that says what has to come of prices.

import type { Direction } from '../../../examples/wedefi/src/alerts/kinds.ts'
import type { Queryable } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'

export interface AlertToAdd {
  readonly kind?: 'price' | 'portfolio' | 'risk'
  readonly metric?: string
  readonly direction?: Direction
  readonly threshold: number | string
  readonly rearm?: number | string
  readonly token?: string | null
  readonly wallet?: string | null
  /** Of a price alert: later prices are looked at. Default: any. */
  readonly seenAtMs?: number
}

/** Its id. */
export async function addAlert(db: Queryable, given: AlertToAdd): Promise<string> {
  const { kind = 'price', metric = 'priceUsd', direction = 'above', threshold, rearm = threshold } = given
  const { token = null, wallet = null, seenAtMs = 0 } = given
  const { rows } = await db.query<{ id: string }>(sql`
    insert into "Alert" (kind, metric, direction, threshold, rearm, "tokenId", "walletId", "seenAt")
    values (${kind}, ${metric}, ${direction}, ${String(threshold)}, ${String(rearm)}, ${token}, ${wallet}, ${new Date(seenAtMs)})
    returning id::text`)
  return rows[0]?.id ?? ''
}

export interface Alerted {
  readonly status: string
  readonly episode: number
  readonly firedAt: Date | null
}

export async function readAlert(db: Queryable, id: string): Promise<Alerted> {
  const { rows } = await db.query<Alerted>(sql`select status, episode, "firedAt" from "Alert" where id = ${id}`)
  const [row] = rows
  if (row === undefined) throw new Error('The alert is gone')
  return row
}

export interface Event {
  readonly episode: number
  /** Without zeros at its end. */
  readonly value: string
  readonly at: Date
}

export async function readEvents(db: Queryable, id: string): Promise<readonly Event[]> {
  const { rows } = await db.query<Event>(sql`
    select episode, trim_scale(value)::text as value, "at"
    from "AlertEvent"
    where "alertId" = ${id}
    order by id`)
  return rows
}

/** What has to come of values, one after the other. */
export function createMachine({
  direction,
  threshold,
  rearm,
}: {
  readonly direction: Direction
  readonly threshold: number
  readonly rearm: number
}): { readonly fires: readonly number[]; readonly status: string; see(value: number): void } {
  const fires: number[] = []
  const machine = {
    fires,
    status: 'armed',
    see: (value: number) => {
      const isBeyond = direction === 'above' ? value > threshold : value < threshold
      const isBack = direction === 'above' ? value <= rearm : value >= rearm
      if (machine.status === 'armed' && isBeyond) {
        machine.status = 'fired'
        fires.push(value)
      } else if (machine.status === 'fired' && isBack) machine.status = 'armed'
    },
  }
  return machine
}

/** 'done', or what went wrong. It is asked for at once, so that nothing is left unheard. */
export async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'done'
  } catch (error) {
    return error instanceof Error ? error.message : 'something that is no error'
  }
}
