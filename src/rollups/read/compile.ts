// The one statement of a reader. Pure: what is asked and how the rollup is kept in, text and values out.
//
// What holds: one snapshot sees the merged part, what is pending and the source, so the sum of the three is what a recompute of
// the source in that snapshot gives. A group of which no row is left is none. Names come from the declaration, checked and
// quoted by parts; everything else that a caller said is a parameter. The ends of the interval are plain expressions over
// parameters (the CTEs are written to be inlined), so that partitions of the source are pruned and indexes used.

import { StrataError } from '../../base/errors.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { extremeOfPart, extremesOfStates } from '../model/extremes.ts'
import { deltaOf, partsOf } from '../model/names.ts'
import { rowCount, shownOf, type Extreme, type Level, type Output, type Shape, type State } from '../model/shape.ts'
import type { Rollup } from '../model/options.ts'
import { contributionOf, sumOfState } from '../model/statements.ts'
import { valuesIn } from '../model/values-statements.ts'
import type { Asked } from './asked.ts'
import { finishRead } from './finish.ts'
import { bucketTypeOf, cutRows, edgesOf, groupOf, isNeeded, whereOf } from './groups.ts'
import { compilePoint } from './instant.ts'
import { allFromLevels, levelsFor, stagesOf, wholeFromLevels } from './levels.ts'
import { joinValues } from './values.ts'

/** `pending`: where deltas are read, for who may not read the table itself. */
export function compileRead(
  shape: Shape,
  asked: Asked,
  { pending = deltaOf(shape.rollup) }: { readonly pending?: string } = {},
): Sql {
  const { rollup } = shape
  const shown = shownOf(shape)
  requireFilled(rollup, asked.measures ?? [], shown)
  const outputs = shown.filter(({ name }) => asked.measures?.includes(name) ?? true)
  const values = valuesIn(shape).filter((measure) => outputs.some(({ name }) => name === measure.name))
  const plain = outputs.filter(({ name }) => !values.some((measure) => measure.name === name))
  // What cannot be added up is in no level.
  const chain = extremesRead(shape, plain).length === 0 ? levelsFor(shape, asked) : []
  const read = plain.map(({ name, value }) => `${value} as ${quoteIdent(name)}`)
  const found = sql`${sql.raw(`select ${[...asked.by.map(quoteIdent), ...read].join(', ')}`)}
from (
${summed(shape, asked, { outputs: plain, chain, pending })}
) as summed`
  const names = outputs.map(({ name }) => name)
  const select = sql`${ctesOf(shape, asked, chain)}${values.length === 0 ? found : joinValues(shape, asked, { found, values, names })}`
  return finishRead(rollup, asked, { select, measures: names })
}

/** Of a rollup that is declared in another way than it is kept, or whose new measures are being filled. */
export function requireFilled(
  rollup: Rollup,
  asked: readonly string[],
  shown: readonly { readonly name: string }[],
): void {
  const missing = asked.find((one) => !shown.some(({ name }) => name === one))
  if (missing === undefined) return
  throw new StrataError('ROLLUP_STATE', {
    message: `Rollup "${rollup.name}" has no "${missing}" yet`,
    expected: shown.map(({ name }) => name).join(', '),
    advice: 'Run `pgstrata apply`, and let `pgstrata serve` or `pgstrata rollup fill` fill it.',
  })
}

/** The interval, and where it cuts buckets. */
function ctesOf(shape: Shape, asked: Asked, chain: readonly Level[]): Sql {
  const { bucket } = shape.rollup
  if (asked.from === undefined || bucket === undefined) return sql``
  const at = { type: bucketTypeOf(shape), zone: bucket.zone }
  const until = asked.to === undefined ? sql`` : sql`, ${compilePoint('between()', asked.to, at)} as until`
  const where = asked.to === undefined ? 'since()' : 'between()'
  const edges = edgesOf(shape, asked)
  const stages = [...edges.stages, ...stagesOf(shape, chain, edges)]
  const cuts = stages.map((columns, index) => {
    const named = columns.map(({ name, value }) => `${value} as ${name}`).join(',\n    ')
    const name = index === stages.length - 1 ? 'cut' : `cut_${index + 1}`
    const from = index === 0 ? 'asked' : `cut_${index}`
    return `, ${name} as not materialized (\n  select *,\n    ${named}\n  from ${from}\n)`
  })
  const only = stages.length === 0 ? ', cut as not materialized (select * from asked)' : ''
  return sql`with asked as not materialized (
  select ${compilePoint(where, asked.from, at)} as since${until}
)${sql.raw(`${cuts.join('')}${only}\n`)}`
}

interface Summed {
  readonly outputs: readonly Output[]
  /** Levels that have them. */
  readonly chain: readonly Level[]
  readonly pending: string
}

/** One row for each group, with the states that the measures need. */
function summed(shape: Shape, asked: Asked, { outputs, chain, pending }: Summed): Sql {
  const { rollup } = shape
  const states = shape.states.filter(({ name }) => outputs.some(({ value }) => value.includes(quoteIdent(name))))
  const groups = asked.by.map((name) => groupOf(shape, name))
  const sums = states.map(sumOfState)
  const extremes = extremesRead(shape, outputs)
  const ends = extremes.flatMap((extreme) => extremesOfStates(extreme, { gone: false }))
  const groupBy = groups.length === 0 ? '' : `\ngroup by ${groups.map((_, index) => index + 1).join(', ')}`
  const needed = [
    ...shape.keys.filter(({ name }) => isNeeded(shape, asked, name)),
    ...shape.states.filter((state) => states.includes(state) || state.name === rowCount),
  ]
  const from =
    asked.from === undefined && chain.length === 0
      ? sql.raw(partsOf(rollup))
      : sql`(\n${partsIn(shape, asked, { columns: needed, extremes, chain, pending })}\n)`
  return sql`${sql.raw(`select ${[...groups, ...sums, ...ends].join(', ')}`)}
from ${from} as part${whereOf(asked)}${sql.raw(groupBy)}
having pg_catalog.sum(${sql.ident(rowCount)}) > 0`
}

interface Needed extends Pick<Summed, 'chain' | 'pending'> {
  readonly columns: readonly (State | Shape['keys'][number])[]
  readonly extremes: readonly Extreme[]
}

function extremesRead({ extremes = [] }: Shape, outputs: readonly Output[]): readonly Extreme[] {
  return extremes.filter((extreme) => outputs.some(({ name }) => name === extreme.name))
}

/** Whole buckets as they are kept, and what the interval cuts off from the source. */
function partsIn(shape: Shape, asked: Asked, { columns: needed, extremes, chain, pending }: Needed): Sql {
  const { rollup } = shape
  const columns = [
    ...needed.map(({ name }) => `whole.${quoteIdent(name)}`),
    ...extremes.flatMap((extreme) => extremeOfPart(extreme, 'whole')),
  ].join(', ')
  if (asked.from === undefined) return sql.raw(allFromLevels(shape, chain, columns))
  const edges = edgesOf(shape, asked)
  const narrow: Shape = {
    ...shape,
    keys: shape.keys.filter((key) => needed.includes(key)),
    states: shape.states.filter((state) => needed.includes(state)),
    extremes,
  }
  const whole =
    chain.length === 0
      ? [`select ${columns}\nfrom ${partsOf(rollup)} as whole, cut\nwhere ${edges.whole.join('\n  and ')}`]
      : wholeFromLevels(shape, chain, { edges, columns, pending })
  const cutOff = cutRows(shape, edges).map((rows) => contributionOf(narrow, { from: rows, sign: 1 }))
  return sql.raw([...whole, ...cutOff].join('\nunion all\n'))
}
