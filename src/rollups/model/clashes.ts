// Whether two rollups would have a table or a view of the same name: what one calls its values another may call itself.

import { ownRelations, type Named } from './own-relations.ts'

/** The first two that would have something of the same name. */
export function findClash(
  rollups: readonly Named[],
): { readonly rollup: string; readonly other: string; readonly relation: string } | undefined {
  const taken = new Map<string, string>()
  for (const rollup of rollups) {
    for (const { schema, name } of ownRelations(rollup)) {
      const place = JSON.stringify([schema, name])
      const other = taken.get(place)
      if (other !== undefined && other !== rollup.name) return { rollup: rollup.name, other, relation: name }
      taken.set(place, rollup.name)
    }
  }
  return undefined
}
