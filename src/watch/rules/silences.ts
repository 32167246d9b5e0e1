// Silences: for a while nothing is done about alerts that somebody knows of. The alerts themselves begin, fire and end as ever.

import type { Queryable } from '../../db/db.ts'
import { onlyRow } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'

/** What it is about: undefined stands for all. */
export interface SilenceScope {
  readonly rule?: string | undefined
  readonly node?: string | undefined
  readonly series?: string | undefined
}

export interface Silence extends SilenceScope {
  readonly id: string
  readonly until: Date
  readonly reason: string
  readonly madeBy: string
  readonly madeAt: Date
}

export interface NewSilence extends SilenceScope {
  readonly untilMs: number
  readonly reason: string
  /** Default: the role that is connected. */
  readonly madeBy?: string | undefined
}

/** The newest so many that stand. */
const mostSilences = 1_000

interface SilenceRow {
  readonly id: string
  readonly rule: string | null
  readonly node: string | null
  readonly series: string | null
  readonly until: Date
  readonly reason: string
  readonly made_by: string
  readonly made_at: Date
}

export async function readSilences(on: Queryable, nowMs: number): Promise<readonly Silence[]> {
  const { rows } = await on.query<SilenceRow>(sql`
    select id::text as id, rule, node, series, until, reason, made_by, made_at
    from pgstrata.alert_silence
    where until > to_timestamp(${nowMs}::float8 / 1000)
    order by id desc
    limit ${mostSilences}`)
  return rows.map(({ made_by, made_at, rule, node, series, ...row }) => ({
    ...row,
    rule: rule ?? undefined,
    node: node ?? undefined,
    series: series ?? undefined,
    madeBy: made_by,
    madeAt: made_at,
  }))
}

export async function addSilence(on: Queryable, silence: NewSilence, nowMs: number): Promise<string> {
  const { rule = null, node = null, series = null, untilMs, reason, madeBy = null } = silence
  const answer = await on.query<{ id: string }>(sql`
    insert into pgstrata.alert_silence (rule, node, series, until, reason, made_by, made_at)
    values (${rule}, ${node}, ${series}, to_timestamp(${untilMs}::float8 / 1000), ${reason},
      coalesce(${madeBy}::text, session_user::text), to_timestamp(${nowMs}::float8 / 1000))
    returning id::text as id`)
  return onlyRow(answer).id
}

/** False: there is none that stands. */
export async function endSilence(on: Queryable, id: string, nowMs: number): Promise<boolean> {
  const { rowCount } = await on.query(sql`
    update pgstrata.alert_silence
    set until = to_timestamp(${nowMs}::float8 / 1000)
    where id = ${id}::int8
      and until > to_timestamp(${nowMs}::float8 / 1000)`)
  return rowCount > 0
}

export function isSilenced(
  silences: readonly SilenceScope[],
  { rule, node, series }: { readonly rule: string; readonly node: string; readonly series: string },
): boolean {
  return silences.some(
    (one) => (one.rule ?? rule) === rule && (one.node ?? node) === node && (one.series ?? series) === series,
  )
}

/** What still fires when its silence is over is told then. */
export async function wakeSilenced(tx: Queryable, nowMs: number): Promise<number> {
  const { rowCount } = await tx.query(sql`
    update pgstrata.alert_action x
    set state = 'due',
      due_at = to_timestamp(${nowMs}::float8 / 1000)
    from pgstrata.alert a
    where a.state = 'firing'
      and x.alert_id = a.id
      and x.event = 'fired'
      and x.state = 'silenced'
      and not exists (
        select
        from pgstrata.alert_silence s
        where s.until > to_timestamp(${nowMs}::float8 / 1000)
          and coalesce(s.rule, a.rule) = a.rule
          and coalesce(s.node, a.node) = a.node
          and coalesce(s.series, a.series) = a.series)`)
  return rowCount
}
