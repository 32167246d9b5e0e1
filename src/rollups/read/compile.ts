// The one statement of a reader. Pure: what is asked and how the rollup is kept in, text and values out.
//
// What holds: one snapshot sees the merged part, what is pending and the source, so the sum of the three is what a recompute of
// the source in that snapshot gives. A group of which no row is left is none. Names come from the declaration, checked and
// quoted by parts; everything else that a caller said is a parameter. The ends of the interval are plain expressions over
// parameters (the CTEs are written to be inlined), so that partitions of the source are pruned and indexes used.

import { assert } from '../../base/errors.ts'
import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { bucketOf, bucketTypes, type BucketType } from '../bucket.ts'
import { extremeOfPart, extremesOfStates, type Extreme } from '../extremes.ts'
import { partsOf } from '../names.ts'
import { bucketColumn, rowCount, type Output, type Shape, type State } from '../shape.ts'
import { contributionOf } from '../statements.ts'
import { isTime, type Asked, type Condition } from './asked.ts'
import { findEdges, type Edges } from './edges.ts'
import { finishRead } from './finish.ts'
import { compilePoint } from './instant.ts'
import { requireNested, unitOf } from './units.ts'

export function compileRead(shape: Shape, asked: Asked): Sql {
  const { rollup } = shape
  const outputs = shape.outputs.filter(({ name }) => asked.measures?.includes(name) ?? true)
  const values = outputs.map(({ name, value }) => `${value} as ${quoteIdent(name)}`)
  const select = sql`${ctesOf(shape, asked)}${sql.raw(`select ${[...asked.by.map(quoteIdent), ...values].join(', ')}`)}
from (
${summed(shape, asked, outputs)}
) as summed`
  return finishRead(rollup, asked, { select, measures: outputs.map(({ name }) => name) })
}

/** The interval, and where it cuts buckets. */
function ctesOf(shape: Shape, asked: Asked): Sql {
  const { bucket } = shape.rollup
  if (asked.from === undefined || bucket === undefined) return sql``
  const at = { type: bucketTypeOf(shape), zone: bucket.zone }
  const until = asked.to === undefined ? sql`` : sql`, ${compilePoint('between()', asked.to, at)} as until`
  const where = asked.to === undefined ? 'since()' : 'between()'
  const { levels } = edgesOf(shape, asked)
  const cuts = levels.map((columns, index) => {
    const named = columns.map(({ name, value }) => `${value} as ${name}`).join(',\n    ')
    const name = index === levels.length - 1 ? 'cut' : `cut_${index + 1}`
    const from = index === 0 ? 'asked' : `cut_${index}`
    return `, ${name} as not materialized (\n  select *,\n    ${named}\n  from ${from}\n)`
  })
  const only = levels.length === 0 ? ', cut as not materialized (select * from asked)' : ''
  return sql`with asked as not materialized (
  select ${compilePoint(where, asked.from, at)} as since${until}
)${sql.raw(`${cuts.join('')}${only}\n`)}`
}

function edgesOf(shape: Shape, { to }: Asked): Edges {
  const { bucket } = shape.rollup
  assert(bucket !== undefined, 'an interval of a rollup without buckets')
  return findEdges({ bucket, type: bucketTypeOf(shape), isOpen: to === undefined })
}

/** As its expression says: nothing else does. */
function bucketTypeOf({ rollup: { bucket }, keys: [first] }: Shape): BucketType {
  const type = bucket && bucketTypes.find((one) => bucketOf(bucket, one, quoteIdent(bucket.column)) === first?.value)
  assert(type !== undefined, 'a bucket of no known type')
  return type
}

/** One row for each group, with the states that the measures need. */
function summed(shape: Shape, asked: Asked, outputs: readonly Output[]): Sql {
  const { rollup } = shape
  const states = shape.states.filter(({ name }) => outputs.some(({ value }) => value.includes(quoteIdent(name))))
  const groups = asked.by.map((name) => groupOf(shape, name))
  const sums = states.map(({ name, type }) => `pg_catalog.sum(${quoteIdent(name)})::${type} as ${quoteIdent(name)}`)
  const extremes = extremesRead(shape, outputs)
  const ends = extremes.flatMap((extreme) => extremesOfStates(extreme, { gone: false }))
  const filters = asked.where.map((condition) => conditionOf(condition))
  const where = filters.length === 0 ? sql`` : sql`\nwhere ${sql.join(filters, '\n  and ')}`
  const groupBy = groups.length === 0 ? '' : `\ngroup by ${groups.map((_, index) => index + 1).join(', ')}`
  const needed = [
    ...shape.keys.filter(({ name }) => isNeeded(shape, asked, name)),
    ...shape.states.filter((state) => states.includes(state) || state.name === rowCount),
  ]
  const from =
    asked.from === undefined
      ? sql.raw(partsOf(rollup))
      : sql`(\n${partsIn(shape, asked, { columns: needed, extremes })}\n)`
  return sql`${sql.raw(`select ${[...groups, ...sums, ...ends].join(', ')}`)}
from ${from} as part${where}${sql.raw(groupBy)}
having pg_catalog.sum(${sql.ident(rowCount)}) > 0`
}

function groupOf(shape: Shape, name: string): string {
  const { bucket } = shape.rollup
  if (bucket === undefined || !isTime(shape.rollup, name)) return quoteIdent(name)
  const type = bucketTypeOf(shape)
  if (name !== 'bucket') requireNested(shape.rollup, name, type)
  const unit = unitOf(bucket, type, name)
  return unit === quoteIdent(name) ? unit : `${unit} as ${quoteIdent(name)}`
}

function isNeeded({ rollup }: Shape, { by, where }: Asked, name: string): boolean {
  if (name === bucketColumn) return by.some((one) => isTime(rollup, one))
  return by.includes(name) || where.some(({ key }) => key === name)
}

interface Needed {
  readonly columns: readonly (State | Shape['keys'][number])[]
  readonly extremes: readonly Extreme[]
}

function extremesRead({ extremes = [] }: Shape, outputs: readonly Output[]): readonly Extreme[] {
  return extremes.filter((extreme) => outputs.some(({ name }) => name === extreme.name))
}

/** Whole buckets as they are kept, and what the interval cuts off from the source. */
function partsIn(shape: Shape, asked: Asked, { columns: needed, extremes }: Needed): Sql {
  const { rollup } = shape
  const edges = edgesOf(shape, asked)
  const columns = [
    ...needed.map(({ name }) => `whole.${quoteIdent(name)}`),
    ...extremes.flatMap((extreme) => extremeOfPart(extreme, 'whole')),
  ].join(', ')
  const narrow: Shape = {
    ...shape,
    keys: shape.keys.filter((key) => needed.includes(key)),
    states: shape.states.filter((state) => needed.includes(state)),
    extremes,
  }
  const whole = `select ${columns}\nfrom ${partsOf(rollup)} as whole, cut\nwhere ${edges.whole.join('\n  and ')}`
  const cutOff = [edges.head, edges.tail].flatMap((conditions) => {
    if (conditions === undefined) return []
    const table = quoteQualified(rollup.schema, rollup.table)
    // In a query of its own: expressions over the source name its columns alone.
    const rows = `(\n  select source.*\n  from ${table} as source, cut\n  where ${conditions.join('\n    and ')}\n) as source`
    return [contributionOf(narrow, { from: rows, sign: 1 })]
  })
  return sql.raw([whole, ...cutOff].join('\nunion all\n'))
}

export function conditionOf({ key, values, orNull, isList }: Condition): Sql {
  const column = sql.ident(key)
  if (values.length === 0) return orNull ? sql`${column} is null` : sql`false`
  const equal = isList ? sql`${column} = any(${values})` : sql`${column} = ${values[0]}`
  return orNull ? sql`(${equal} or ${column} is null)` : equal
}
