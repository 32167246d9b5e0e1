// What the tests of rollups share: declarations with what matters to the test, and the truth as a recompute tells it.

import { expect } from 'vitest'
import type { Db, Session } from '../../src/db/db.ts'
import { bucketOf } from '../../src/rollups/model/bucket.ts'
import { captureFunctions, captureTriggers } from '../../src/rollups/capture/capture.ts'
import { inspectSource } from '../../src/rollups/declared/inspect.ts'
import type { Measure, Rollup, TimeUnit } from '../../src/rollups/model/options.ts'
import { rebuildRange } from '../../src/rollups/merge/merge.ts'
import { readRelations } from '../../src/rollups/capture/relations.ts'
import { measuresInFunctions } from '../../src/rollups/model/own-functions.ts'
import { isAdditive, isInTotals, shapeOf, type Shape } from '../../src/rollups/model/shape.ts'
import { createTables } from '../../src/rollups/kept/tables.ts'
import { createReaders } from '../../src/rollups/read/sql-functions.ts'
import { quoteIdent, quoteLiteral, quoteQualified } from '../../src/sql/quote.ts'
import { sql } from '../../src/sql/sql.ts'

export const patience = { lockTimeoutMs: 30_000 }

export function measure(name: string, kind: Measure['kind'], said: Partial<Measure> = {}): Measure {
  return { name, kind, of: undefined, filter: undefined, floats: false, ...said }
}

export function rollupOf(said: Partial<Rollup> = {}): Rollup {
  return {
    name: 'song_plays',
    schema: 'public',
    table: 'plays',
    bucket: { column: 'at', span: { unit: 'hour', count: 1 }, zone: 'UTC' },
    by: ['song'],
    where: undefined,
    measures: [measure('plays', 'count'), measure('earned', 'sum', { of: 'amount' })],
    rowSecurity: 'refuse',
    ...said,
  }
}

export async function run(on: Db | Session, ...statements: readonly string[]): Promise<void> {
  for (const statement of statements) await on.query(sql.raw(statement))
}

/** All rollups of one source, made and filled. */
export async function install(db: Db, rollups: readonly Rollup[]): Promise<readonly Shape[]> {
  return await db.withSession(async (session) => {
    await run(session, 'create schema if not exists pgstrata')
    const shapes = []
    for (const rollup of rollups) shapes.push(shapeOf(rollup, await inspectSource(session, rollup)))
    const [source] = rollups
    if (source === undefined) return []
    const relations = await readRelations(session, source)
    await run(
      session,
      'begin',
      ...shapes.flatMap(createTables),
      ...shapes.flatMap(createReaders),
      ...captureFunctions(source, shapes),
      ...relations.flatMap((relation) => captureTriggers(source, relation)),
      'commit',
    )
    for (const shape of shapes) await rebuildRange(session, shape, { from: undefined, to: undefined }, patience)
    return shapes
  })
}

const aggregates: Readonly<Record<string, (measure: Measure) => string>> = {
  count: ({ of }: Measure) => `count(${of ?? '*'})`,
  sum: ({ of }: Measure) => `sum(${of ?? 'null'})`,
  avg: ({ of }: Measure) => `avg(${of ?? 'null'})`,
  min: ({ of }: Measure) => `min(${of ?? 'null'})`,
  max: ({ of }: Measure) => `max(${of ?? 'null'})`,
  countDistinct: ({ of }: Measure) => `count(distinct ${of ?? 'null'})`,
}

/** The first and the last of those that are there, by time if nothing else is said. */
function endOf({ kind, of, order, filter }: Measure): string {
  const direction = kind === 'last' ? ' desc' : ''
  const value = of ?? 'null'
  const by = order ?? 'at'
  const some = [`(${value}) is not null`, `(${by}) is not null`, ...(filter === undefined ? [] : [filter])]
  return `(array_agg(${value} order by ${by}${direction}, ${value}${direction}) filter (where ${some.join(' and ')}))[1]`
}

/** The statement that computes the same from the source, written without anything of ours but the bucket. */
function recomputeOf({ rollup, keys }: Shape): string {
  const values = rollup.measures.map((one) => {
    const filter = one.filter === undefined || aggregates[one.kind] === undefined ? '' : ` filter (where ${one.filter})`
    return `${aggregates[one.kind]?.(one) ?? endOf(one)}${filter} as ${quoteIdent(one.name)}`
  })
  const named = keys.map(({ name, value }) => `${value} as ${quoteIdent(name)}`)
  const where = rollup.where === undefined ? '' : ` where ${rollup.where}`
  const group = keys.length === 0 ? ' having count(*) > 0' : ` group by ${keys.map((_, place) => place + 1).join(', ')}`
  return `select ${[...named, ...values].join(', ')} from ${quoteQualified(rollup.schema, rollup.table)}${where}${group}`
}

/** Rows in which the view and the recompute differ, in one snapshot; empty: they are the same. */
export async function differences(on: Db | Session, ...shapes: readonly Shape[]): Promise<readonly unknown[]> {
  return (await on.query(sql.raw(differencesText(shapes)))).rows
}

/** For who asks often, and prepares it. `read`: in place of the view. */
export function differencesText(shapes: readonly Shape[], read?: string): string {
  const of = shapes.map((shape, place) => {
    const columns = [...shape.keys, ...shape.outputs].map(({ name }) => quoteIdent(name)).join(', ')
    const view = `select ${columns} from ${read ?? quoteQualified(shape.rollup.schema, shape.rollup.name)}`
    const truth = `select ${columns} from (${recomputeOf(shape)}) as truth`
    const side = (name: string, more: string, less: string): string =>
      `select ${quoteLiteral(shape.rollup.name)} as rollup, '${name}' as of, to_jsonb(one)::text as row from (table ${more}${place} except all table ${less}${place}) as one`
    return {
      both: `view${place} as materialized (${view}), truth${place} as materialized (${truth})`,
      sides: [side('view', 'view', 'truth'), side('truth', 'truth', 'view')],
    }
  })
  return `with ${of.map(({ both }) => both).join(', ')} ${of.flatMap(({ sides }) => sides).join(' union all ')}`
}

/**
 * Keys in which totals and what is merged differ, at the instant that windows are of; `values`: what a row of totals is made
 * of, by name, over the columns of the merged table and the edges `upto` and `since_<window>`.
 */
export function totalsDifferencesText(shape: Shape, values: Readonly<Record<string, string>>): string {
  const { name, schema, bucket, by, totals } = shape.rollup
  if (bucket === undefined || totals === undefined) throw new Error('This one has no totals')
  const zone = quoteLiteral(bucket.zone)
  const edge = (instant: string): string => bucketOf(bucket, 'timestamptz', instant)
  const since = totals.windows.map(
    ({ name: window, span }) =>
      `${edge(`((windows_at at time zone ${zone}) - interval '${span.count} ${span.unit}') at time zone ${zone}`)} as since_${window}`,
  )
  const edges = `select ${[`${edge('windows_at')} as upto`, ...since].join(', ')} from pgstrata.${quoteIdent(`${name}_lock`)}`
  const keys = by.map(quoteIdent)
  const merged = quoteQualified(schema, `${name}_merged`)
  const columns = [...keys, ...Object.keys(values).map(quoteIdent)].join(', ')
  const truth = `select ${[...keys, ...Object.entries(values).map(([column, value]) => `${value} as ${quoteIdent(column)}`)].join(', ')} from ${merged}, (${edges}) as edges${keys.length === 0 ? ' having count(*) > 0' : ` group by ${keys.join(', ')}`}`
  const kept = `select ${columns} from ${quoteQualified(schema, `${name}_totals`)}`
  return `with truth as materialized (select ${columns} from (${truth}) as one), kept as materialized (${kept})
select 'kept' as of, to_jsonb(one)::text as row from (table kept except all table truth) as one
union all
select 'truth' as of, to_jsonb(one)::text as row from (table truth except all table kept) as one`
}

/** A level as if it were a rollup by its unit, whose view and recompute can be compared. */
export function levelOf(shape: Shape, unit: TimeUnit): Shape {
  const { rollup, keys, outputs } = shape
  const [bucket, ...others] = keys
  if (bucket === undefined || rollup.bucket === undefined) throw new Error('This one has no buckets')
  const { zone } = rollup.bucket
  const value = {
    timestamptz: `date_trunc('${unit}', ${bucket.value}, ${quoteLiteral(zone)})`,
    timestamp: `date_trunc('${unit}', ${bucket.value})`,
    date: `date_trunc('${unit}', (${bucket.value})::timestamp)::date`,
  }[shape.bucketType ?? 'timestamptz']
  const measures = rollup.measures.filter(isAdditive)
  return {
    ...shape,
    rollup: { ...rollup, name: `${rollup.name}_${unit}`, measures },
    keys: [{ ...bucket, value }, ...others],
    outputs: outputs.filter(({ name }) => measures.some((one) => one.name === name)),
  }
}

/** Keys in which totals with what is pending differ from a recompute, of all time. */
export function everDifferencesText(shape: Shape): string {
  const { rollup, keys } = shape
  const measures = rollup.measures.filter(isInTotals)
  const own = rollup.bucket === undefined ? keys : keys.slice(1)
  const all: Shape = { ...shape, keys: own, rollup: { ...rollup, name: `${rollup.name}_ever`, measures } }
  const shown = shape.outputs.filter(({ name }) => measures.some((one) => one.name === name))
  return differencesText([{ ...all, outputs: shown }])
}

/** The same of what a function gives from an instant on; `since`: as SQL writes it, in the type of the column of time. */
export function sinceDifferencesText(shape: Shape, since: string): string {
  const { rollup, keys, outputs } = shape
  const names = measuresInFunctions(shape)
  const column = quoteIdent(rollup.bucket?.column ?? '')
  const where = [`${column} >= ${since}`, ...(rollup.where === undefined ? [] : [`(${rollup.where})`])].join(' and ')
  const measures = rollup.measures.filter(({ name }) => names.includes(name))
  const recomputed = { ...shape, keys: keys.slice(1), rollup: { ...rollup, where, measures } }
  return differencesText(
    [{ ...recomputed, outputs: outputs.filter(({ name }) => names.includes(name)) }],
    functionCall(shape, [since]),
  )
}

/** `_since` of one end, `_between` of two; as SQL writes them. */
export function functionCall({ rollup }: Shape, ends: readonly string[]): string {
  const name = quoteQualified(rollup.schema, `${rollup.name}_${ends.length === 1 ? 'since' : 'between'}`)
  return `${name}(${ends.join(', ')})`
}

/** Keys in which the table of a level and what is merged differ, in one snapshot. */
export function levelDifferencesText({ rollup, states, levels = [] }: Shape, unit: TimeUnit): string {
  const level = levels.find((one) => one.unit === unit)
  if (level === undefined) throw new Error('There is no such level')
  const keys = rollup.by.map(quoteIdent)
  const names = states.map(({ name }) => quoteIdent(name))
  const merged = quoteQualified(rollup.schema, `${rollup.name}_merged`)
  const groups = ['bucket', ...keys].map((_, place) => place + 1).join(', ')
  const sums = states.map(({ name, type }) => `sum(${quoteIdent(name)})::${type}`)
  const truth = `select ${[level.value, ...keys, ...sums].join(', ')} from ${merged} group by ${groups}`
  const kept = `select ${['bucket', ...keys, ...names].join(', ')} from ${quoteQualified(rollup.schema, `${rollup.name}_${unit}_merged`)}`
  return `with truth as materialized (${truth}), kept as materialized (${kept})
select '${unit} kept' as of, to_jsonb(one)::text as row from (table kept except all table truth) as one
union all
select '${unit} truth' as of, to_jsonb(one)::text as row from (table truth except all table kept) as one`
}

/** The rollup and each of its levels, against a recompute and against what is merged. */
export async function expectLevels(on: Db | Session, shape: Shape): Promise<void> {
  const units = (shape.levels ?? []).map(({ unit }) => unit)
  expect(await differences(on, shape, ...units.map((unit) => levelOf(shape, unit)))).toEqual([])
  for (const unit of units) expect((await on.query(sql.raw(levelDifferencesText(shape, unit)))).rows).toEqual([])
}
