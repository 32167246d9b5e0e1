// What is to be done about alerts, as a queue in a table: claimed for a while, and then done, failed or due again.
//
// What must be true: a message is with one process at a time, unless that one was silent for longer than its claim; what belongs to
// a message is fixed at its first try, so every try has the same id and the same alerts. Nobody hears of an end before the beginning is
// told or given up.

import { onlyRow, type Queryable, type Session } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Severity } from '../model/rule.ts'
import { boundReport, numberOrNull, type AlertEvent, type AlertFacts } from './message.ts'
import { labelsIn } from './plan-tick.ts'

export interface Claim {
  readonly message: string
  readonly event: AlertEvent
  readonly action: string
  readonly group: string
  readonly alertIds: readonly string[]
  /** Of this message, this one included. */
  readonly attempts: number
}

/** More alerts go out in another message. */
const mostOfMessage = 100

export interface ClaimOptions {
  readonly nowMs: number
  /** Actions that have no room now. */
  readonly except: readonly string[]
  /** By action: until when nobody else takes it up. */
  readonly claimMs: (action: string) => number
}

interface FirstRow {
  readonly alert_id: string
  readonly event: AlertEvent
  readonly action: string
  readonly alert_group: string
  readonly message: string | null
}

/** In a transaction. Undefined: nothing is due. */
export async function claimMessage(tx: Session, { nowMs, except, claimMs }: ClaimOptions): Promise<Claim | undefined> {
  const { rows } = await tx.query<FirstRow>(sql`
    select x.alert_id::text as alert_id, x.event, x.action, x.alert_group, x.message::text as message
    from pgstrata.alert_action x
    where x.state = 'due'
      and x.due_at <= to_timestamp(${nowMs}::float8 / 1000)
      and x.action <> all(${except}::text[])
      and ${isNext}
    order by x.due_at, x.alert_id
    limit 1
    for update of x skip locked`)
  const [first] = rows
  if (first === undefined) return undefined
  const { event, action, alert_group: group } = first
  const belongs =
    first.message === null
      ? sql`x.message is null and x.event = ${event} and x.action = ${action} and x.alert_group = ${group}`
      : sql`x.message = ${first.message}::uuid`
  const claimed = await tx.query<{ alert_id: string; message: string; attempts: number }>(sql`
    with named as (select coalesce(${first.message}::uuid, gen_random_uuid()) as message),
    chosen as (
      select x.alert_id, x.event, x.action
      from pgstrata.alert_action x
      where x.state = 'due'
        and ${belongs}
        and ${isNext}
      order by x.alert_id = ${first.alert_id}::int8 desc, x.alert_id
      limit ${mostOfMessage}
      for update of x skip locked
    )
    update pgstrata.alert_action x
    set message = named.message,
      attempts = x.attempts + 1,
      due_at = to_timestamp(${nowMs + claimMs(action)}::float8 / 1000)
    from named, chosen
    where (x.alert_id, x.event, x.action) = (chosen.alert_id, chosen.event, chosen.action)
    returning x.alert_id::text as alert_id, x.message::text as message, x.attempts`)
  const alertIds = claimed.rows.map(({ alert_id }) => alert_id)
  const { message, attempts } = onlyRow(claimed)
  return { message, event, action, group, alertIds, attempts }
}

const isNext = sql`(x.event = 'fired' or not exists (
        select
        from pgstrata.alert_action f
        where f.alert_id = x.alert_id
          and f.action = x.action
          and f.event = 'fired'
          and f.state = 'due'))`

export type Ending =
  | { readonly kind: 'done'; readonly report: unknown }
  | { readonly kind: 'failed'; readonly failure: string }
  | {
      readonly kind: 'again'
      readonly failure: string
      readonly dueMs: number
      /** It does not count as a try. */
      readonly isUntried?: boolean
    }

/** False: its claim was over, and somebody else has taken it up. */
export async function endClaim(on: Queryable, claim: Claim, ending: Ending): Promise<boolean> {
  const { message, attempts } = claim
  const report = ending.kind === 'done' ? boundReport(ending.report) : null
  const failure = ending.kind === 'done' ? null : ending.failure.slice(0, 500)
  const dueMs = ending.kind === 'again' ? ending.dueMs : null
  const tries = ending.kind === 'again' && ending.isUntried === true ? attempts - 1 : attempts
  const { rowCount } = await on.query(sql`
    update pgstrata.alert_action
    set state = ${ending.kind === 'again' ? 'due' : ending.kind},
      report = ${report}::jsonb,
      failure = ${failure},
      attempts = ${tries},
      due_at = coalesce(to_timestamp(${dueMs}::float8 / 1000), due_at)
    where message = ${message}::uuid
      and attempts = ${attempts}
      and state = 'due'`)
  return rowCount > 0
}

export interface ToldAlready {
  readonly id: string
  readonly action: string
  readonly message: string
}

/** Beginnings that were told without the table. */
export async function noteTold(tx: Queryable, told: readonly ToldAlready[]): Promise<void> {
  if (told.length === 0) return
  await tx.query(sql`
    update pgstrata.alert_action x
    set state = 'done', attempts = 1, message = n.message
    from jsonb_to_recordset(${JSON.stringify(told)}::jsonb) as n (id int8, action text, message uuid)
    where x.alert_id = n.id
      and x.action = n.action
      and x.event = 'fired'`)
}

interface FactsRow {
  readonly id: string
  readonly rule: string
  readonly severity: Severity
  readonly node: string
  readonly value: number
  readonly summary: string
  readonly evidence: Readonly<Record<string, unknown>>
  readonly began_at: Date
  readonly fired_at: Date | null
  readonly resolved_at: Date | null
}

export async function readFacts(on: Queryable, ids: readonly string[]): Promise<readonly AlertFacts[]> {
  const { rows } = await on.query<FactsRow>(sql`
    select id::text as id, rule, severity, node, value, summary, evidence, began_at, fired_at, resolved_at
    from pgstrata.alert
    where id = any(${ids}::int8[])
    order by id`)
  return rows.map(({ began_at, fired_at, resolved_at, evidence, value, ...row }) => {
    const { metric, labels: _, worst, threshold, ...rest } = evidence
    return {
      ...row,
      metric: typeof metric === 'string' ? metric : '',
      labels: labelsIn(evidence),
      value: numberOrNull(value),
      worst: typeof worst === 'number' ? worst : null,
      threshold: typeof threshold === 'number' ? threshold : null,
      beganAt: began_at.toISOString(),
      firedAt: fired_at?.toISOString() ?? null,
      resolvedAt: resolved_at?.toISOString() ?? null,
      evidence: rest,
    }
  })
}

/** When something is due next; undefined: nothing waits. */
export async function readNextDue(on: Queryable): Promise<number | undefined> {
  const { rows } = await on.query<{ due_ms: number | null }>(sql`
    select round(extract(epoch from min(due_at)) * 1000)::float8 as due_ms
    from pgstrata.alert_action
    where state = 'due'`)
  return rows[0]?.due_ms ?? undefined
}
