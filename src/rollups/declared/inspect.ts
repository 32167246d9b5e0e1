// What the server says of a declaration: whether its expressions mean the same to everybody, of which type they are, and
// how they read in words that depend on no search_path. Makes temporary objects, and takes them back: it leaves nothing.

import { messageOf } from '../../base/errors.ts'
import { onlyRow, type Session } from '../../db/db.ts'
import { rollback } from '../../db/transaction.ts'
import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { bucketTypes, type BucketType } from '../model/bucket.ts'
import { outputSettings } from '../model/statements.ts'
import { checkRollup, refuse, refuseLevel } from './check.ts'
import { lookAt, lookAtCondition, refuseVirtual, type Look } from './expressions.ts'
import { inspectTotals } from './inspect-totals.ts'
import { readOwnEqual, requireCountable } from './inspect-values.ts'
import type { Measure, Rollup } from '../model/options.ts'
import { extremeKinds, summableTypes, type ExpressionFacts, type SourceFacts } from '../model/shape.ts'
import { inspectTable, type ColumnFacts } from './source.ts'
import { readTieredSource } from './tiered.ts'
import { findNestingFault } from '../model/units.ts'

export async function inspectSource(session: Session, rollup: Rollup): Promise<SourceFacts> {
  checkRollup(rollup)
  const columns = await inspectTable(session, rollup)
  requireColumns(rollup, columns)
  const tiered = await readTieredSource(session, rollup)
  await session.query(sql`begin`)
  try {
    await makeScratch(session, rollup)
    const equals = await requireKeys(session, rollup)
    const look: Look = {
      session,
      rollup,
      scratch,
      virtual: columns.flatMap(({ name, virtual }) => (virtual ? [name] : [])),
      advice: 'Use columns of the source alone.',
    }
    const of = new Map<string, ExpressionFacts>()
    const orders = new Map<string, ExpressionFacts>()
    const filters = new Map<string, string>()
    for (const measure of rollup.measures) {
      if (measure.of !== undefined) of.set(measure.name, await lookAt(look, measure.name, measure.of))
      if (measure.order !== undefined) orders.set(measure.name, await lookAt(look, measure.name, measure.order))
      const filter =
        measure.filter === undefined ? undefined : await lookAtCondition(look, measure.name, measure.filter)
      if (filter !== undefined) filters.set(measure.name, filter)
    }
    requireSummable(rollup, of)
    for (const measure of rollup.measures) await requireOrdered(look, measure)
    const valueEquals = new Map<string, string>()
    for (const measure of rollup.measures) {
      const equal = await requireCountable(look, measure, of.get(measure.name))
      if (equal !== undefined) valueEquals.set(measure.name, equal)
    }
    const notNull = new Set(columns.flatMap((column) => (column.notNull ? [column.name] : [])))
    const where = rollup.where === undefined ? undefined : await lookAtCondition(look, 'where', rollup.where)
    const bucketType = bucketTypeOf(rollup, columns)
    const facts = { bucketType, where, of, orders, filters, notNull, equals, valueEquals, tiered }
    return { ...facts, computed: await inspectTotals(session, rollup, facts) }
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

export function requireColumns(rollup: Rollup, columns: readonly ColumnFacts[]): void {
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

/** A key must be told from every other by an index, as it is where rows are merged. What says so, where it is not plain `=`. */
async function requireKeys(session: Session, rollup: Rollup): Promise<ReadonlyMap<string, string>> {
  const equals = new Map<string, string>()
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
    const equal = await readOwnEqual(session, 'pg_temp.pgstrata_rollup_key')
    if (equal !== undefined) equals.set(name, equal)
    await session.query(sql`drop index pg_temp.pgstrata_rollup_key`)
  }
  return equals
}

export function bucketTypeOf(rollup: Rollup, columns: readonly ColumnFacts[]): BucketType | undefined {
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
  for (const level of rollup.levels ?? []) {
    const fault = findNestingFault(rollup, level, known)
    if (fault !== undefined) throw refuseLevel(rollup, level, fault.why)
  }
  return known
}

function requireSummable(rollup: Rollup, of: ReadonlyMap<string, ExpressionFacts>): void {
  for (const { name, kind, floats } of rollup.measures) {
    const type = of.get(name)?.type
    if ((kind !== 'sum' && kind !== 'avg') || type === undefined) continue
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

/** The least, the greatest and the outermost of several have to be told from the others. */
async function requireOrdered({ session, rollup }: Look, { name, kind, of, order }: Measure): Promise<void> {
  if (of === undefined || !extremeKinds.some((one) => one === kind)) return
  const value = `(${of}\n)`
  const end =
    kind === 'min' || kind === 'max'
      ? `${kind}(${value})`
      : `(array_agg(${value} order by (${order ?? 'null'}\n), ${value}))[1]`
  try {
    // In a column of its own type: the first of several arrays would be a part of one.
    await session.query(sql.raw(`select ${value} = ${end} from ${scratch} group by ${value}`))
  } catch (error) {
    if (sqlstateOf(error)?.startsWith('42') !== true) throw error
    throw refuse(rollup, `measure "${name}" has no ${kind} value`, {
      got: messageOf(error),
      advice: 'Cast it to a type that has an order and is no array, such as text.',
    })
  }
}
