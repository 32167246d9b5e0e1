// What the server says of a declaration: whether its expressions mean the same to everybody, of which type they are, and
// how they read in words that depend on no search_path. Makes temporary objects, and takes them back: it leaves nothing.

import type { StrataError } from '../base/errors.ts'
import { onlyRow, type Result, type Session } from '../db/db.ts'
import { rollback } from '../db/transaction.ts'
import { parseSql } from '../sql/parse.ts'
import { quoteIdent, quoteQualified } from '../sql/quote.ts'
import { sql, type Sql } from '../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import { bucketTypes, type BucketType } from './bucket.ts'
import { outputSettings } from './capture.ts'
import { checkRollup, refuse } from './check.ts'
import type { Rollup } from './options.ts'
import { summableTypes, type ExpressionFacts, type SourceFacts } from './shape.ts'
import { inspectTable, type ColumnFacts } from './source.ts'

export async function inspectSource(session: Session, rollup: Rollup): Promise<SourceFacts> {
  checkRollup(rollup)
  const columns = await inspectTable(session, rollup)
  requireColumns(rollup, columns)
  await session.query(sql`begin`)
  try {
    await makeScratch(session, rollup)
    await requireKeys(session, rollup)
    const look = { session, rollup, columns }
    const of = new Map<string, ExpressionFacts>()
    const filters = new Map<string, string>()
    for (const measure of rollup.measures) {
      if (measure.of !== undefined) of.set(measure.name, await lookAt(look, measure.name, measure.of))
      const filter =
        measure.filter === undefined ? undefined : await lookAtCondition(look, measure.name, measure.filter)
      if (filter !== undefined) filters.set(measure.name, filter)
    }
    requireSummable(rollup, of)
    const where = rollup.where === undefined ? undefined : await lookAtCondition(look, 'where', rollup.where)
    return { bucketType: bucketTypeOf(rollup, columns), where, of, filters }
  } finally {
    await rollback(session)
  }
}

const scratch = 'pg_temp.pgstrata_rollup_source'
const nameOf = ({ schema, table }: Rollup): string => quoteQualified(schema, table)

/** Literals are printed so that every session reads them alike. */
const settings: readonly string[] = [
  ...outputSettings,
  "datestyle = 'ISO, MDY'",
  "intervalstyle = 'postgres'",
  "timezone = 'UTC'",
  'standard_conforming_strings = on',
]

async function makeScratch(session: Session, rollup: Rollup): Promise<void> {
  for (const setting of settings) await session.query(sql.raw(`set local ${setting}`))
  try {
    await session.query(sql.raw(`create temporary table ${scratch} (like ${nameOf(rollup)}) on commit drop`))
  } catch (error) {
    if (sqlstateOf(error) !== sqlstate.insufficientPrivilege) throw error
    const { db, role } = await session
      .query(sql`rollback`)
      .then(() =>
        session.query<{ db: string; role: string }>(sql`select current_database() as db, current_user as role`),
      )
      .then(onlyRow)
    throw refuse(rollup, 'its expressions cannot be looked at without a temporary table', {
      got: (error as Error).message,
      advice: `grant temporary on database ${quoteIdent(db)} to ${quoteIdent(role)}`,
    })
  }
}

function requireColumns(rollup: Rollup, columns: readonly ColumnFacts[]): void {
  const asked = [...(rollup.bucket === undefined ? [] : [rollup.bucket.column]), ...rollup.by]
  for (const name of asked) {
    const column = columns.find((one) => one.name === name)
    if (column === undefined) {
      const expected = `one of ${columns.map((one) => one.name).join(', ')}`
      throw refuse(rollup, `${nameOf(rollup)} has no column "${name}"`, { expected })
    }
    if (column.virtual) throw refuseVirtual(rollup, name)
  }
}

/** A key must be told from every other by an index, as it is where rows are merged. */
async function requireKeys(session: Session, rollup: Rollup): Promise<void> {
  for (const name of rollup.by) {
    try {
      await session.query(sql.raw(`create index pgstrata_rollup_key on ${scratch} (${quoteIdent(name)})`))
    } catch (error) {
      if (sqlstateOf(error) !== sqlstate.undefinedObject) throw error
      throw refuse(rollup, `column "${name}" cannot be a key: nothing says which of its values are equal`, {
        got: (error as Error).message,
        advice: 'Make a generated column of a type that has an order, such as text, and take that.',
      })
    }
    await session.query(sql`drop index pg_temp.pgstrata_rollup_key`)
  }
}

function refuseVirtual(rollup: Rollup, column: string): StrataError {
  return refuse(rollup, `column "${column}" is a virtual generated column, of which triggers see nothing`, {
    advice: 'Write its expression instead, or generate it `stored`.',
  })
}

function bucketTypeOf(rollup: Rollup, columns: readonly ColumnFacts[]): BucketType | undefined {
  const { bucket } = rollup
  if (bucket === undefined) return undefined
  const type = columns.find(({ name }) => name === bucket.column)?.type ?? ''
  const known = bucketTypes.find((one) => one === type)
  if (known === undefined) {
    const detail = { expected: bucketTypes.join(', '), got: type }
    throw refuse(rollup, `column "${bucket.column}" has no time to put into buckets`, detail)
  }
  if (!columns.some(({ name, notNull }) => notNull && name === bucket.column)) {
    throw refuse(rollup, `column "${bucket.column}" may be null, and a row without it is in no bucket`, {
      advice: `Fill the nulls in, then in a migration: alter table ${nameOf(rollup)} alter column ${quoteIdent(bucket.column)} set not null`,
    })
  }
  const { unit } = bucket.span
  if (known === 'date' && (unit === 'minute' || unit === 'hour')) {
    const detail = { expected: 'a bucket of a day or more', got: unit }
    throw refuse(rollup, `column "${bucket.column}" is a date, and has no ${unit}s`, detail)
  }
  return known
}

function requireSummable(rollup: Rollup, of: ReadonlyMap<string, ExpressionFacts>): void {
  for (const { name, kind, floats } of rollup.measures) {
    const type = of.get(name)?.type
    if (kind === 'count' || type === undefined) continue
    if (!summableTypes.includes(type)) {
      const detail = {
        expected: `one of ${summableTypes.join(', ')}`,
        got: type,
        advice: 'Cast it, as in `x::numeric`.',
      }
      throw refuse(rollup, `measure "${name}" cannot be added up`, detail)
    }
    if (type.startsWith('float') && !floats) {
      throw refuse(rollup, `measure "${name}" adds up floating point numbers, whose sum depends on the order`, {
        got: type,
        advice: 'Cast it (`x::numeric`), or say `floats: true` where the last digits do not matter.',
      })
    }
  }
}

interface Look {
  readonly session: Session
  readonly rollup: Rollup
  readonly columns: readonly ColumnFacts[]
}

async function lookAt(look: Look, where: string, expression: string): Promise<ExpressionFacts> {
  const { session } = look
  await requireOne(look, where, expression)
  const predicate = await predicateOf(look, where, `(${expression}\n) is null`)
  const text = /^\((.*) IS NULL\)$/s.exec(predicate ?? '')?.[1]
  if (text === undefined) throw refuse(look.rollup, `"${where}" cannot be read`, { got: predicate ?? 'nothing' })
  await session.query(
    sql.raw(`create temporary view pgstrata_rollup_value as select (${expression}\n) as x from ${scratch}`),
  )
  const { rows } = await session.query<{ type: string; bounded: boolean }>(sql`
    select coalesce(b.typname, t.typname)::text as type, a.atttypmod >= 0 as bounded
    from pg_attribute a
    join pg_type t on t.oid = a.atttypid
    left join pg_type b on b.oid = nullif(t.typbasetype, 0)
    where a.attrelid = 'pg_temp.pgstrata_rollup_value'::regclass
      and a.attnum = 1`)
  await session.query(sql`drop view pg_temp.pgstrata_rollup_value`)
  const [{ type, bounded } = { type: '', bounded: false }] = rows
  return { text, type, bounded }
}

async function lookAtCondition(look: Look, where: string, condition: string): Promise<string | undefined> {
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
  const { session, rollup, columns } = look
  try {
    await session.query(sql.raw(`create index pgstrata_rollup_look on ${scratch} ((1)) where ${predicate}`))
  } catch (error) {
    throw explain(rollup, where, error)
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
  const virtual = columns.find(({ name, virtual }) => virtual && rows[0]?.used?.includes(name) === true)
  if (virtual !== undefined) throw refuseVirtual(rollup, virtual.name)
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

function explain(rollup: Rollup, where: string, error: unknown): unknown {
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
    return refuse(rollup, `"${where}" cannot be read`, { got, advice: 'Use columns of the source alone.' })
  }
  return error
}
