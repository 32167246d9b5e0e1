// Looks at alerts, fires those whose condition came true, and arms those again whose value is back.
//
// Promises: an alert fires once for each episode: that it is 'fired', the number of the episode and its event are one statement, so they are all
// there or none is, wherever anything is killed; an event's key, (alertId, episode), is unique besides. Called again, called by two at once, or
// called when nobody knows whether the last call was committed, it adds nothing that is there. Where two come at once, the second waits for the
// rows of the first (always in the order of ids, so never in a circle), and goes on from what that one left.
//
// Rows are locked by a statement of their own, and looked at by the next, which has a snapshot of its own: what it decides is true of what it changes. In one
// statement the server would look at a row that changed meanwhile a second time, and PostgreSQL 18 crashes there where it also prunes partitions.
//
// - A price alert follows every price of its token in the order of their times, from `seenAt` on: a price that was beyond the threshold for a
//   moment between two calls fires, and one that came back and went again fires twice. Prices younger than `settleMs` wait for the next call, so
//   that writers who overlap are taken in order. What comes later than that, with a time before `seenAt`, neither fires nor arms. Of an alert that
//   nobody evaluated for longer than prices stay unpacked, what is older is left out.
// - Portfolio and risk alerts look at the value as it is now. Where there is none (no prices, nothing to compare with), nothing happens.
//
// Each statement takes a bounded number of alerts, and of each a bounded number of prices; what is left is taken by the next.

import { sql, type SQL } from 'drizzle-orm'
import { transaction, type Db, type Queryable, type Session } from 'pgstrata'
import { ask } from '../ask.ts'
import type { Batch } from './decision.ts'
import { kinds, type Kind } from './kinds.ts'
import { portfolioDecisions } from './portfolio-rule.ts'
import { priceDecisions } from './price-rule.ts'
import { riskDecisions } from './risk-rule.ts'

export interface EvaluateChoice {
  readonly kinds?: readonly Kind[]
  readonly settleMs?: number
  readonly alertsAtOnce?: number
  /** Of one alert, in one statement. */
  readonly pricesAtOnce?: number
  readonly signal?: AbortSignal | undefined
  /** Last in the transaction of each batch: may refuse. A job confirms its lease here. */
  readonly confirm?: ((tx: Queryable) => Promise<void>) | undefined
}

export interface Evaluated {
  readonly looked: number
  readonly fired: number
  readonly rearmed: number
}

const rules: Readonly<Record<Kind, (batch: Batch) => SQL>> = {
  price: priceDecisions,
  portfolio: portfolioDecisions,
  risk: riskDecisions,
}

export async function evaluateAlerts(on: Db | Session, choice: EvaluateChoice = {}): Promise<Evaluated> {
  const sum = { looked: 0, fired: 0, rearmed: 0 }
  for (const kind of choice.kinds ?? kinds) {
    for await (const batch of evaluateKind(on, kind, choice)) {
      sum.looked += batch.looked
      sum.fired += batch.fired
      sum.rearmed += batch.rearmed
    }
  }
  return sum
}

interface Row extends Evaluated {
  /** Alerts that have prices left to look at. */
  readonly unfinished: number
}

async function* evaluateKind(on: Db | Session, kind: Kind, choice: EvaluateChoice): AsyncGenerator<Evaluated> {
  const { settleMs = 2_000, alertsAtOnce = 1_000, pricesAtOnce = 5_000, signal, confirm } = choice
  let after = '0'
  for (;;) {
    signal?.throwIfAborted()
    const work = async (tx: Queryable): Promise<{ readonly ids: readonly string[]; readonly row: Row | undefined }> => {
      const ids = await lockAlerts(tx, { kind, after, limit: alertsAtOnce })
      if (ids.length === 0) return { ids, row: undefined }
      const [row] = await ask<Row>(tx, decide(kind, { ids, prices: pricesAtOnce, settleMs }))
      await confirm?.(tx)
      return { ids, row }
    }
    const { ids, row } = await transaction(on, work, { isolation: 'read committed' })
    if (row === undefined) return
    yield row
    if (row.unfinished > 0) continue
    if (ids.length < alertsAtOnce) return
    after = ids.at(-1) ?? after
  }
}

interface Locking {
  readonly kind: Kind
  /** Alerts with greater ids. */
  readonly after: string
  readonly limit: number
}

/** Always in the order of ids. */
async function lockAlerts(tx: Queryable, { kind, after, limit }: Locking): Promise<readonly string[]> {
  const rows = await ask<{ id: string }>(
    tx,
    sql`
    select id::text as id
    from "Alert"
    where kind = ${kind}
      and status <> 'paused'
      and id > ${after}::bigint
    order by "Alert".id
    limit ${limit}
    for no key update`,
  )
  return rows.map(({ id }) => id)
}

/**
 * `decision` (id, status, fires, fired_at, seen_at, is_unfinished) is what becomes of an alert, and `fire` (id, nth, value, at) each time that
 * it fires, the first with the number 1. `alert` are the rows that are locked.
 */
function decide(kind: Kind, batch: Batch): SQL {
  return sql`
    with alert as materialized (
      select id, "tokenId", "walletId", metric, direction, threshold, rearm, status, episode, "seenAt"
      from "Alert"
      where id = any (${sql.param([...batch.ids])}::bigint[])
    ),
    ${rules[kind](batch)},
    changed as (
      update "Alert" as kept
      set status = decision.status,
        episode = kept.episode + decision.fires,
        "firedAt" = coalesce(decision.fired_at, kept."firedAt"),
        "seenAt" = greatest(decision.seen_at, kept."seenAt")
      from decision
      where kept.id = decision.id
    ),
    event as (
      insert into "AlertEvent" ("alertId", episode, value, "at")
      select alert.id, alert.episode + fire.nth, fire.value, fire.at
      from fire
      join alert on alert.id = fire.id
      order by alert.id, fire.nth
      returning 1
    )
    select (select count(*) from alert)::integer as looked,
      (select count(*) from event)::integer as fired,
      (
        select count(*)
        from decision
        join alert on alert.id = decision.id
        where decision.status = 'armed'
          and alert.status = 'fired'
      )::integer as rearmed,
      (select count(*) from decision where decision.is_unfinished)::integer as unfinished`
}
