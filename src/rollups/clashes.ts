// Which tables and views a rollup is kept in and read through, by name, and whether two rollups would have the same: what one
// calls its values another may call itself.

import type { Rollup } from './options.ts'
import { valuesMeasures } from './values.ts'

interface Relation {
  readonly schema: string
  readonly name: string
}

type Named = Pick<Rollup, 'name' | 'schema' | 'measures'>

export function relationsOf(rollup: Named): readonly Relation[] {
  const values = valuesMeasures(rollup).map((measure) => `_${measure}_values`)
  const inSchema = (schema: string, suffixes: readonly string[]): readonly Relation[] =>
    suffixes.map((suffix) => ({ schema, name: `${rollup.name}${suffix}` }))
  return [
    ...inSchema(rollup.schema, ['', '_parts', '_merged', '_totals', ...values]),
    ...inSchema('pgstrata', ['_delta', '_lock', '_totals', ...values, ...values.map((suffix) => `${suffix}_delta`)]),
  ]
}

/** The first two that would have something of the same name. */
export function findClash(
  rollups: readonly Named[],
): { readonly rollup: string; readonly other: string; readonly relation: string } | undefined {
  const taken = new Map<string, string>()
  for (const rollup of rollups) {
    for (const { schema, name } of relationsOf(rollup)) {
      const place = JSON.stringify([schema, name])
      const other = taken.get(place)
      if (other !== undefined && other !== rollup.name) return { rollup: rollup.name, other, relation: name }
      taken.set(place, rollup.name)
    }
  }
  return undefined
}
