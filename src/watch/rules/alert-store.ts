// The table of alerts: what is open, read under lock, and one look's changes to it. What is written together commits together.
//
// What must be true: at most one alert of a rule and series is open, which the index alert_open holds whoever writes; where somebody
// else began the same one, it is theirs, and so is what is done about it.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { Severity } from '../model/rule.ts'
import type { AlertRow, ChangedAlert, OpenAlert } from './plan-tick.ts'

interface OpenRow {
  readonly id: string
  readonly rule: string
  readonly node: string
  readonly series: string
  readonly severity: Severity
  readonly state: 'pending' | 'firing'
  readonly value: number
  readonly summary: string
  readonly evidence: Readonly<Record<string, unknown>>
  readonly began_ms: number
  readonly well_since_ms: number | null
  readonly fired_ms: number | null
  readonly seen_ms: number
}

/** Locked until the transaction ends, in the order that everybody takes them in. */
export async function lockOpenAlerts(tx: Queryable): Promise<readonly OpenAlert[]> {
  const { rows } = await tx.query<OpenRow>(sql`
    select id::text as id, rule, node, series, severity, state, value, summary, evidence,
      round(extract(epoch from began_at) * 1000)::float8 as began_ms,
      round(extract(epoch from well_since) * 1000)::float8 as well_since_ms,
      round(extract(epoch from fired_at) * 1000)::float8 as fired_ms,
      round(extract(epoch from seen_at) * 1000)::float8 as seen_ms
    from pgstrata.alert
    where state <> 'resolved'
    order by id
    for update`)
  return rows.map(({ began_ms, well_since_ms, fired_ms, seen_ms, state, value, ...row }) => ({
    ...row,
    standing: {
      phase: state,
      beganMs: began_ms,
      firedMs: fired_ms ?? undefined,
      wellSinceMs: well_since_ms ?? undefined,
      seenMs: seen_ms,
      value,
      worst: Number(row.evidence['worst'] ?? value),
    },
  }))
}

export interface BegunAlert {
  readonly id: string
  readonly rule: string
  readonly node: string
  readonly series: string
}

/** Without those that are open by now. */
export async function insertAlerts(tx: Queryable, begun: readonly AlertRow[]): Promise<readonly BegunAlert[]> {
  if (begun.length === 0) return []
  const { rows } = await tx.query<BegunAlert>(sql`
    insert into pgstrata.alert (rule, node, series, severity, state, value, summary, evidence, began_at, fired_at, seen_at)
    select n.rule, n.node, n.series, n.severity, n.state, n.value::float8, n.summary, n.evidence,
      to_timestamp(n.began_ms / 1000), to_timestamp(n.fired_ms / 1000), to_timestamp(n.seen_ms / 1000)
    from ${records(begun.map((row) => writable(row)))}
    on conflict (rule, node, series) where state <> 'resolved' do nothing
    returning id::text as id, rule, node, series`)
  return rows
}

export async function updateAlerts(tx: Queryable, changed: readonly ChangedAlert[]): Promise<void> {
  if (changed.length === 0) return
  await tx.query(sql`
    update pgstrata.alert a
    set severity = n.severity,
      state = n.state,
      value = n.value::float8,
      summary = n.summary,
      evidence = n.evidence,
      began_at = to_timestamp(n.began_ms / 1000),
      well_since = to_timestamp(n.well_since_ms / 1000),
      fired_at = to_timestamp(n.fired_ms / 1000),
      resolved_at = to_timestamp(n.resolved_ms / 1000),
      seen_at = to_timestamp(n.seen_ms / 1000)
    from ${records(changed.map(({ id, row }) => ({ id, ...writable(row) })))}
    where a.id = n.id`)
}

export async function deletePending(tx: Queryable, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await tx.query(sql`
    delete from pgstrata.alert
    where id = any(${ids}::int8[])
      and state = 'pending'`)
}

function records(rows: readonly object[]): ReturnType<typeof sql> {
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as n (
      id int8, rule text, node text, series text, severity text, state text, value text, summary text, evidence jsonb,
      began_ms float8, well_since_ms float8, fired_ms float8, resolved_ms float8, seen_ms float8)`
}

/** A value goes as text: JSON knows no infinity. */
function writable({ standing, resolvedMs, ...row }: AlertRow): object {
  const { rule, node, series, severity, state, summary, evidence } = row
  return {
    rule,
    node,
    series,
    severity,
    state,
    summary,
    evidence,
    value: String(standing.value),
    began_ms: standing.beganMs,
    well_since_ms: standing.wellSinceMs,
    fired_ms: standing.firedMs,
    resolved_ms: resolvedMs,
    seen_ms: standing.seenMs,
  }
}

export interface ToldAlert {
  readonly id: string
  readonly isSilenced: boolean
}

export interface FiredAlert extends ToldAlert {
  readonly group: string
  readonly actions: readonly string[]
}

/** The log hears of what is silenced as well, and at once. */
const logAction = 'log'

export async function insertFired(tx: Queryable, fired: readonly FiredAlert[], when: ToldWhen): Promise<void> {
  const rows = fired.flatMap(({ id, isSilenced, group, actions }) =>
    [...new Set([logAction, ...actions])].map((action) => ({ id, action, group, silenced: isSilenced })),
  )
  if (rows.length === 0) return
  await tx.query(sql`
    insert into pgstrata.alert_action (alert_id, event, action, alert_group, state, due_at)
    select n.id, 'fired', n.action, n."group",
      case when n.silenced and n.action <> ${logAction} then 'silenced' else 'due' end,
      to_timestamp(case when n.action = ${logAction} then ${when.nowMs}::float8 else ${when.dueMs}::float8 end / 1000)
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as n (id int8, action text, "group" text, silenced boolean)
    on conflict (alert_id, event, action) do nothing`)
}

export interface ToldWhen {
  readonly nowMs: number
  readonly dueMs: number
}

/** Those hear of the end who were told of the beginning, whatever the rule says by now. */
export async function insertResolved(
  tx: Queryable,
  resolved: readonly ToldAlert[],
  { nowMs, dueMs, hearing }: ToldWhen & { readonly hearing: readonly string[] },
): Promise<void> {
  if (resolved.length === 0) return
  const rows = resolved.map(({ id, isSilenced }) => ({ id, silenced: isSilenced }))
  await tx.query(sql`
    insert into pgstrata.alert_action (alert_id, event, action, alert_group, state, due_at)
    select f.alert_id, 'resolved', f.action, f.alert_group,
      case when f.state = 'silenced' or n.silenced and f.action <> ${logAction} then 'silenced' else 'due' end,
      to_timestamp(case when f.action = ${logAction} then ${nowMs}::float8 else ${dueMs}::float8 end / 1000)
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as n (id int8, silenced boolean)
    join pgstrata.alert_action f on f.alert_id = n.id
      and f.event = 'fired'
      and f.action = any(${hearing}::text[])
    on conflict (alert_id, event, action) do nothing`)
}

/** Alerts that are over for so long, at most so many at once. */
export async function forgetAlerts(on: Queryable, beforeMs: number, most: number): Promise<number> {
  const { rowCount } = await on.query(sql`
    delete from pgstrata.alert
    where id in (
      select id
      from pgstrata.alert
      where state = 'resolved'
        and resolved_at < to_timestamp(${beforeMs}::float8 / 1000)
      order by id
      limit ${most})`)
  await on.query(sql`
    delete from pgstrata.alert_silence
    where until < to_timestamp(${beforeMs}::float8 / 1000)`)
  return rowCount
}
