// What the server says of an expression: whether it is one and means the same to everybody, of which type it is, and how it
// reads in words that depend on no search_path. Asked of a temporary table that has the columns it may name.

import type { StrataError } from '../../base/errors.ts'
import { type Result, type Session, onlyRow } from '../../db/db.ts'
import { parseSql } from '../../sql/parse.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { refuse } from './check.ts'
import type { Rollup } from '../model/options.ts'
import type { ExpressionFacts } from '../model/shape.ts'

export interface Look {
  readonly session: Session
  readonly rollup: Rollup
  /** A temporary table, as SQL writes it. */
  readonly scratch: string
  /** Columns that are computed when they are read. */
  readonly virtual: readonly string[]
  /** Which columns there are to use. */
  readonly advice: string
}

export interface ExpressionLook extends ExpressionFacts {
  /** Its type as SQL writes it. */
  readonly written: string
}

export async function lookAt(look: Look, where: string, expression: string): Promise<ExpressionLook> {
  const { session, scratch } = look
  await requireOne(look, where, expression)
  const predicate = await predicateOf(look, where, `(${expression}\n) is null`)
  const text = /^\((.*) IS NULL\)$/s.exec(predicate ?? '')?.[1]
  if (text === undefined) throw refuse(look.rollup, `"${where}" cannot be read`, { got: predicate ?? 'nothing' })
  await session.query(
    sql.raw(`create temporary view pgstrata_rollup_value as select (${expression}\n) as x from ${scratch}`),
  )
  const { rows } = await session.query<{ type: string; bounded: boolean; written: string }>(sql`
    select coalesce(b.typname, t.typname)::text as type, a.atttypmod >= 0 as bounded,
      format_type(a.atttypid, a.atttypmod) as written
    from pg_attribute a
    join pg_type t on t.oid = a.atttypid
    left join pg_type b on b.oid = nullif(t.typbasetype, 0)
    where a.attrelid = 'pg_temp.pgstrata_rollup_value'::regclass
      and a.attnum = 1`)
  await session.query(sql`drop view pg_temp.pgstrata_rollup_value`)
  const [{ type, bounded, written } = { type: '', bounded: false, written: '' }] = rows
  return { text, type, bounded, written }
}

export async function lookAtCondition(look: Look, where: string, condition: string): Promise<string | undefined> {
  await requireOne(look, where, condition)
  return await predicateOf(look, where, `(${condition}\n)`)
}

/** An expression, and not the end of one and the beginning of something else: it reads alike with parentheses and without. */
async function requireOne({ rollup }: Look, where: string, expression: string): Promise<void> {
  for (const text of [`select (${expression}\n)`, `select ${expression}\n`]) {
    const parsed = await parseSql(text).catch((error: unknown) => {
      throw refuse(rollup, `"${where}" is no expression`, { got: (error as Error).message })
    })
    const node = parsed[0]?.node as { targetList?: unknown[] } | undefined
    if (parsed.length === 1 && parsed[0]?.kind === 'SelectStmt' && node?.targetList?.length === 1) continue
    throw refuse(rollup, `"${where}" is more than one expression`, { expected: "such as 'amount * rate'" })
  }
  if (!moment.test(expression)) return
  // The server reads these once, when it reads the declaration, and keeps what they meant then.
  throw refuse(rollup, `"${where}" names a moment that moves on`, {
    got: moment.exec(expression)?.[0] ?? '',
    advice: 'Write the moment itself; what is relative to now belongs into the reader.',
  })
}

const moment =
  /\b(date|time|timestamp|timestamptz)\s*'\s*(now|today|tomorrow|yesterday)\s*'|'\s*(now|today|tomorrow|yesterday)\s*'\s*::\s*(date|time)/i

/** A predicate of an index may hold nothing that depends on the moment or on who asks; undefined: it holds of every row. */
async function predicateOf(look: Look, where: string, predicate: string): Promise<string | undefined> {
  const { session, rollup, scratch } = look
  try {
    await session.query(sql.raw(`create index pgstrata_rollup_look on ${scratch} ((1)) where ${predicate}`))
  } catch (error) {
    throw explain(look, where, error)
  }
  const { rows } = await plainly(
    session,
    sql`
    select pg_get_expr(i.indpred, i.indrelid) as text, (
        select array_agg(a.attname::text)
        from pg_depend d
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.objid = i.indexrelid
          and d.refobjid = i.indrelid
          and d.refobjsubid > 0
      ) as used
    from pg_index i
    where i.indexrelid = 'pg_temp.pgstrata_rollup_look'::regclass`,
  )
  await session.query(sql`drop index pg_temp.pgstrata_rollup_look`)
  const virtual = look.virtual.find((name) => rows[0]?.used?.includes(name) === true)
  if (virtual !== undefined) throw refuseVirtual(rollup, virtual)
  return rows[0]?.text ?? undefined
}

/** What is printed is qualified where no search_path would find it. */
async function plainly(
  session: Session,
  statement: Sql,
): Promise<Result<{ text: string | null; used: string[] | null }>> {
  const { path } = onlyRow(await session.query<{ path: string }>(sql`select current_setting('search_path') as path`))
  await session.query(sql`set local search_path = ''`)
  const result = await session.query<{ text: string | null; used: string[] | null }>(statement)
  await session.query(sql`select set_config('search_path', ${path}, true)`)
  return result
}

function explain({ rollup, advice }: Look, where: string, error: unknown): unknown {
  const code = sqlstateOf(error)
  const got = (error as Error).message
  if (code === sqlstate.invalidObjectDefinition) {
    return refuse(rollup, `"${where}" depends on more than the row: on the moment, or on who asks`, {
      expected: 'an immutable expression',
      got,
      advice: 'Say the zone (`at time zone`), the format and the locale in it; now() belongs into the reader.',
    })
  }
  if (code?.startsWith('42') === true || code === sqlstate.featureNotSupported) {
    return refuse(rollup, `"${where}" cannot be read`, { got, advice })
  }
  return error
}

export function refuseVirtual(rollup: Rollup, column: string): StrataError {
  return refuse(rollup, `column "${column}" is a virtual generated column, of which triggers see nothing`, {
    advice: 'Write its expression instead, or generate it `stored`.',
  })
}
