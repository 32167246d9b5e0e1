// The tables and views of a rollup, in one list: what they are called, what they are, and who may read them. Whatever makes,
// renames, drops, measures or explains all of them goes by it. In the order in which they can be dropped.

import { quoteQualified } from '../../sql/quote.ts'
import type { Rollup } from './options.ts'
import { isDistinctInTotals, valuesMeasures } from './values.ts'

export interface OwnRelation {
  readonly kind: 'view' | 'table'
  readonly schema: string
  readonly name: string
  /** Both, as SQL writes them. */
  readonly place: string
  /** Behind the name of the rollup. */
  readonly suffix: string
  readonly what: string
  /** Readers are those of the source; in a delta stands what is still to be merged, and goes. */
  readonly is: 'for readers' | 'delta' | 'own'
}

/** Of a rollup, what its relations are called by. */
export type Named = Pick<Rollup, 'name' | 'schema' | 'bucket' | 'measures' | 'totals' | 'levels'>
type Described = Pick<OwnRelation, 'kind' | 'suffix' | 'what'> & { readonly is?: OwnRelation['is'] }

export function ownRelations(rollup: Named): readonly OwnRelation[] {
  const { name, schema } = rollup
  const all = [...viewsOf(rollup), ...tablesOf(rollup)]
  return all.map(({ is = 'for readers', suffix, ...described }) => {
    const home = is === 'for readers' ? schema : 'pgstrata'
    return {
      ...described,
      suffix,
      is,
      schema: home,
      name: `${name}${suffix}`,
      // Asked of what was checked: a name that is too long is none.
      get place() {
        return quoteQualified(home, `${name}${suffix}`)
      },
    }
  })
}

function viewsOf({ totals, levels = [], ...rollup }: Named): readonly Described[] {
  const view = (suffix: string, what: string): Described => ({ kind: 'view', suffix, what: `view: ${what}` })
  return [
    view('', 'one row for each key, exact'),
    view('_parts', 'the same, not regrouped'),
    ...levels.map((unit) => view(`_${unit}`, `one row for each key by ${unit}, exact`)),
    ...(levels.length === 0 ? [] : [view('_delta', 'what is still to be merged, for functions that read levels')]),
    ...(totals === undefined
      ? []
      : [
          view('_totals', 'of all time and in windows, as far as it is merged'),
          view('_ever', 'one row for each key, of all time, exact'),
        ]),
    ...valuesMeasures(rollup).map((measure) => view(`_${measure}_values`, 'how many rows have each value, exact')),
  ]
}

function tablesOf({ totals, levels = [], ...rollup }: Named): readonly Described[] {
  const table = (suffix: string, what: string, is?: OwnRelation['is']): Described => ({
    kind: 'table',
    suffix,
    what: `table: ${what}`,
    ...(is === undefined ? {} : { is }),
  })
  return [
    table('_merged', 'what is merged'),
    ...levels.map((unit) => table(`_${unit}_merged`, `what is merged, by ${unit}`)),
    ...(totals === undefined ? [] : [table('_totals', 'of all time and in windows, as far as it is merged', 'own')]),
    table('_delta', 'what is still to be merged', 'delta'),
    ...valuesMeasures(rollup).flatMap((measure) => [
      table(`_${measure}_values`, 'how many rows have each value, as far as it is merged', 'own'),
      table(`_${measure}_values_delta`, 'what is still to be merged of that', 'delta'),
    ]),
    ...rollup.measures
      // Without a bucket they are counted where they are kept.
      .filter((measure) => totals !== undefined && rollup.bucket !== undefined && isDistinctInTotals(measure))
      .map(({ name }) =>
        table(
          `_${name}_totals`,
          'how many rows have each value, of all time and in windows, as far as it is merged',
          'own',
        ),
      ),
    table('_lock', 'locked by whoever merges or rebuilds', 'own'),
  ]
}
