// A rollup as tables hold it: its keys, the states that are kept for each key, and how the measures are read from them.
//
// What holds: every state is additive (a number that is 0 for no rows, of which those of two sets of rows are added, and
// those of rows that go are subtracted), so the states of a key are the sum of all that was ever captured of it, in any
// order. What cannot be subtracted (NaN, infinities) is counted instead. `row_count` is one of them: a key is there while
// it is above 0.

import { quoteIdent } from '../../sql/quote.ts'
import { bucketColumn, bucketOf, type BucketType } from './bucket.ts'
import {
  timeUnits,
  type ExtremeKind,
  type Measure,
  type Rollup,
  type TimeUnit,
  type Totals,
  type WindowSpan,
} from './options.ts'
import { partsOf, rowCount, type ExpressionFacts, type Output, type Parts, type State } from './parts.ts'
import { unitOf } from './units.ts'
import { isDistinctInTotals, valuesOf, type ValuesMeasure } from './values.ts'

export { bucketColumn } from './bucket.ts'
export { rowCount, summableTypes, type ExpressionFacts, type Output, type State } from './parts.ts'

export interface SourceFacts {
  readonly bucketType: BucketType | undefined
  readonly where: string | undefined
  /** By the name of the measure. */
  readonly of: ReadonlyMap<string, ExpressionFacts>
  readonly filters: ReadonlyMap<string, string>
  /** By the name of the measure, where it says one. */
  readonly orders: ReadonlyMap<string, ExpressionFacts>
  /** Columns that are never null. */
  readonly notNull: ReadonlySet<string>
  /** By the name of a key: which operator says that two are equal, if none of pg_catalog. */
  readonly equals?: ReadonlyMap<string, string>
  /** The same of values that are counted, by the name of the measure. */
  readonly valueEquals?: ReadonlyMap<string, string>
  /** Over the states of totals, by name. */
  readonly computed?: ReadonlyMap<string, ComputedFacts>
  readonly tiered?: TieredSource | undefined
}

/** A source whose rows are not all in its table any more: old partitions may be packed. */
export interface TieredSource {
  /** A view of all rows, as SQL writes it. */
  readonly history: string
  /** A function: those from one instant on and before another. It leaves out packs that have none of them. */
  readonly between: string
  /** The same, for what an interval cuts off at its ends: mostly of today, of which nothing is packed. */
  readonly cut: string
  /** A view of the rows that are not in the table. */
  readonly unpacked: string
  /** The column by which the table is partitioned, of which these instants are. */
  readonly axis: string
}

export interface ComputedFacts {
  readonly value: string
  /** As SQL writes it. */
  readonly type: string
}

export interface Extreme {
  readonly name: string
  readonly kind: ExtremeKind
  /** Over a row of the source, and its type as SQL writes it. */
  readonly value: string
  readonly type: string
  /** By which the first and the last are told; of min and max the value itself. */
  readonly order: { readonly value: string; readonly type: string } | undefined
  readonly filter: string | undefined
}

/** A state of the rows in a window. */
interface WindowState {
  readonly name: string
  readonly of: State
}

interface TotalsWindow {
  readonly name: string
  readonly span: WindowSpan
  readonly states: readonly WindowState[]
}

export interface TotalsShape {
  readonly windows: readonly TotalsWindow[]
  /** Of all time and of each window, over the states. */
  readonly outputs: readonly Output[]
  /** Measures of distinct values: their columns, of all time and then of each window. */
  readonly distinct?: readonly { readonly name: string; readonly columns: readonly string[] }[] | undefined
  /** Over the states. */
  readonly computed: readonly (Output & { readonly type: string })[]
  readonly index: Totals['index']
}

/** A coarser bucket, of which the rows are those of the merged table added up. */
export interface Level {
  readonly unit: TimeUnit
  /** In which one a bucket lies, over a row of the merged table. */
  readonly value: string
}

export interface Shape {
  readonly rollup: Rollup
  /** Of the column that is put into buckets. */
  readonly bucketType: BucketType | undefined
  /** Name and expression over a row of the source; the bucket is the first. */
  readonly keys: readonly { readonly name: string; readonly value: string; readonly notNull?: boolean }[]
  readonly equals?: Readonly<Record<string, string>>
  readonly where: string | undefined
  readonly states: readonly State[]
  readonly extremes?: readonly Extreme[] | undefined
  readonly values?: readonly ValuesMeasure[] | undefined
  readonly outputs: readonly Output[]
  readonly totals?: TotalsShape | undefined
  /** The finest first. */
  readonly levels?: readonly Level[] | undefined
  /** Measures that were declared later and are not filled yet: they are kept, and not shown. */
  readonly filling?: readonly string[] | undefined
  /** Undefined: all rows are in the table. */
  readonly tiered?: TieredSource | undefined
  /** Since when, where it was kept before that. */
  readonly tieredAt?: string | undefined
}

export function shapeOf(rollup: Rollup, facts: SourceFacts): Shape {
  const { bucket, by, measures } = rollup
  const time =
    bucket === undefined || facts.bucketType === undefined
      ? []
      : [{ name: bucketColumn, value: bucketOf(bucket, facts.bucketType, quoteIdent(bucket.column)) }]
  const extremes = measures.flatMap((measure) => extremeOf(rollup, measure, facts) ?? [])
  return {
    rollup,
    bucketType: facts.bucketType,
    keys: [...time, ...by.map((name) => ({ name, value: quoteIdent(name), notNull: facts.notNull.has(name) }))],
    ...(facts.equals === undefined || facts.equals.size === 0 ? {} : { equals: Object.fromEntries(facts.equals) }),
    where: facts.where,
    states: statesOf(additive(measures).map((measure) => partsOf(measure, facts))),
    ...(extremes.length === 0 ? {} : { extremes }),
    ...valuesOf(measures, facts),
    outputs: measures.map((measure) =>
      isAdditive(measure) ? partsOf(measure, facts).output : { name: measure.name, value: quoteIdent(measure.name) },
    ),
    totals: totalsShapeOf(rollup, facts),
    ...levelsOf(rollup, facts),
    ...(facts.tiered === undefined ? {} : { tiered: facts.tiered }),
  }
}

/** A key may be called so, too, where there is no bucket. */
export const isBucket = ({ rollup: { bucket } }: Shape, key: string): boolean =>
  bucket !== undefined && key === bucketColumn

/** What a reader may see: all but what is still to be filled. */
export function shownOf({ outputs, filling = [] }: Shape): Shape['outputs'] {
  return outputs.filter(({ name }) => !filling.includes(name))
}

function levelsOf({ bucket, levels = [] }: Rollup, { bucketType }: SourceFacts): Pick<Shape, 'levels'> {
  if (bucket === undefined || bucketType === undefined || levels.length === 0) return {}
  const sorted = timeUnits.filter((unit) => levels.includes(unit))
  return { levels: sorted.map((unit) => ({ unit, value: unitOf(bucket, bucketType, unit) })) }
}

export const isAdditive = ({ kind }: Measure): boolean => kind === 'count' || kind === 'sum' || kind === 'avg'
/** What cannot be added up is in no totals, but for distinct values on request. */
export const isInTotals = (measure: Measure): boolean => isAdditive(measure) || isDistinctInTotals(measure)
const additive = (measures: readonly Measure[]): readonly Measure[] => measures.filter(isAdditive)

export const extremeKinds: readonly ExtremeKind[] = ['min', 'max', 'first', 'last']

function extremeOf({ bucket }: Rollup, { name, kind }: Measure, facts: SourceFacts): Extreme | undefined {
  const known = extremeKinds.find((one) => one === kind)
  const of = facts.of.get(name)
  if (known === undefined || of === undefined) return undefined
  const time =
    facts.bucketType === undefined ? undefined : { value: quoteIdent(bucket?.column ?? ''), type: facts.bucketType }
  const said = facts.orders.get(name)
  const order = said === undefined ? time : { value: said.text, type: said.written }
  const isOrdered = known === 'first' || known === 'last'
  return {
    name,
    kind: known,
    value: of.text,
    type: of.written,
    order: isOrdered ? order : undefined,
    filter: facts.filters.get(name),
  }
}

function statesOf(parts: readonly Parts[], suffix = ''): readonly State[] {
  const rows: State = { name: `${rowCount}${suffix}`, type: 'bigint', aggregate: 'pg_catalog.count(*)' }
  return [rows, ...parts.flatMap(({ states }) => states)]
}

/** Measures of a window are called by its name, `plays_7d`, and so are their states. */
export function totalsShapeOf({ measures: all, totals }: Rollup, facts: SourceFacts): TotalsShape | undefined {
  if (totals === undefined) return undefined
  const measures = all.filter(isInTotals)
  const states = statesOf(additive(all).map((measure) => partsOf(measure, facts)))
  const outputsOf = (suffix: string): readonly Output[] =>
    measures.map((measure) =>
      isAdditive(measure)
        ? partsOf(measure, facts, suffix).output
        : { name: `${measure.name}${suffix}`, value: quoteIdent(`${measure.name}${suffix}`) },
    )
  const windows = totals.windows.map(({ name, span }) => {
    const suffix = `_${name}`
    const parts = additive(all).map((measure) => partsOf(measure, facts, suffix))
    const named = statesOf(parts, suffix)
    return {
      outputs: outputsOf(suffix),
      window: { name, span, states: states.map((of, index) => ({ name: named[index]?.name ?? '', of })) },
    }
  })
  const distinct = all.filter(isDistinctInTotals).map(({ name }) => ({
    name,
    columns: [name, ...totals.windows.map((window) => `${name}_${window.name}`)],
  }))
  return {
    windows: windows.map(({ window }) => window),
    ...(distinct.length === 0 ? {} : { distinct }),
    outputs: [...outputsOf(''), ...windows.flatMap(({ outputs }) => outputs)],
    computed: totals.compute.flatMap(({ name }) => {
      const computed = facts.computed?.get(name)
      return computed === undefined ? [] : [{ name, ...computed }]
    }),
    index: totals.index,
  }
}
