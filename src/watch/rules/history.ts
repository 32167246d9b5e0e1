// Alerts as people look at them: those that stand, those that were, and what was done about each.

import type { Queryable } from '../../db/db.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { Severity } from '../model/rule.ts'
import type { AlertEvent } from './message.ts'

export interface AlertAction {
  readonly event: AlertEvent
  readonly action: string
  readonly state: 'due' | 'done' | 'failed' | 'silenced'
  readonly attempts: number
  readonly failure: string | null
  readonly report: unknown
}

/** Times are of ISO 8601. */
export interface AlertRecord {
  readonly id: string
  readonly rule: string
  readonly node: string
  /** The labels of what it is about, as a JSON list. */
  readonly series: string
  readonly severity: Severity
  readonly state: 'pending' | 'firing' | 'resolved'
  readonly value: number
  readonly summary: string
  readonly beganAt: string
  readonly firedAt: string | null
  readonly resolvedAt: string | null
  readonly seenAt: string
  readonly evidence: Readonly<Record<string, unknown>>
  readonly actions: readonly AlertAction[]
}

interface Row extends Omit<AlertRecord, 'beganAt' | 'firedAt' | 'resolvedAt' | 'seenAt'> {
  readonly began_at: Date
  readonly fired_at: Date | null
  readonly resolved_at: Date | null
  readonly seen_at: Date
}

/** The gravest first, and of those the newest. */
export async function readOpen(on: Queryable): Promise<readonly AlertRecord[]> {
  return await read(
    on,
    sql`
    where a.state <> 'resolved'
    order by a.state = 'firing' desc, array_position(array['critical', 'warning', 'info'], a.severity), a.began_at desc, a.id`,
  )
}

/** Those that have fired, the newest first. */
export async function readPastAlerts(
  on: Queryable,
  { limit, rule }: { readonly limit: number; readonly rule: string | undefined },
): Promise<readonly AlertRecord[]> {
  return await read(
    on,
    sql`
    where a.fired_at is not null
      and (${rule ?? null}::text is null or a.rule = ${rule ?? null}::text)
    order by a.began_at desc, a.id desc
    limit ${limit}`,
  )
}

async function read(on: Queryable, which: Sql): Promise<readonly AlertRecord[]> {
  const { rows } = await on.query<Row>(sql`
    select a.id::text as id, a.rule, a.node, a.series, a.severity, a.state, a.value, a.summary, a.evidence,
      a.began_at, a.fired_at, a.resolved_at, a.seen_at,
      coalesce((
        select jsonb_agg(
          jsonb_build_object('event', x.event, 'action', x.action, 'state', x.state, 'attempts', x.attempts,
            'failure', x.failure, 'report', x.report)
          order by x.event, x.action)
        from pgstrata.alert_action x
        where x.alert_id = a.id), '[]') as actions
    from pgstrata.alert a
    ${which}`)
  return rows.map(({ began_at, fired_at, resolved_at, seen_at, ...row }) => ({
    ...row,
    beganAt: began_at.toISOString(),
    firedAt: fired_at?.toISOString() ?? null,
    resolvedAt: resolved_at?.toISOString() ?? null,
    seenAt: seen_at.toISOString(),
  }))
}
