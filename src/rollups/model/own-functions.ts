// The functions of a rollup, by which SQL reads it at any instant: what they are called, and which measures they give. Whatever
// makes, drops, grants or explains them goes by this list. They stand beside the views, and are there while those are.

import { quoteQualified } from '../../sql/quote.ts'
import { shownOf, type Shape } from './shape.ts'
import { valuesIn } from './values-statements.ts'

export interface OwnFunction {
  readonly kind: 'since' | 'between'
  /** As SQL writes it, and with the types of its arguments. */
  readonly name: string
  readonly place: string
  readonly what: string
}

/** Behind the name of the rollup. */
export const functionSuffixes: readonly string[] = ['_since', '_between']

export function ownFunctions(shape: Shape): readonly OwnFunction[] {
  const { rollup, bucketType } = shape
  if (bucketType === undefined || measuresInFunctions(shape).length === 0) return []
  const own = (kind: OwnFunction['kind'], arity: number, what: string): OwnFunction => {
    const name = quoteQualified(rollup.schema, `${rollup.name}_${kind}`)
    const types = Array.from({ length: arity }, () => `pg_catalog.${bucketType}`).join(', ')
    return { kind, name, place: `${name}(${types})`, what: `function: one row for each key, ${what}, exact` }
  }
  return [own('since', 1, 'from an instant on'), own('between', 2, 'between two instants')]
}

/**
 * All that are shown but those of values: no condition on a key would reach what they are put together from (one key of a thousand
 * took 390 ms in place of 0.3). Where there are levels, those that levels have.
 */
export function measuresInFunctions(shape: Shape): readonly string[] {
  const extremes = (shape.levels ?? []).length === 0 ? [] : (shape.extremes ?? [])
  const others = new Set([...extremes, ...valuesIn(shape)].map(({ name }) => name))
  return shownOf(shape).flatMap(({ name }) => (others.has(name) ? [] : [name]))
}
