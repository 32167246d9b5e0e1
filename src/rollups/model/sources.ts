// The tables that rollups are of. One source has one set of triggers for all of its rollups, so whatever looks at triggers goes
// by sources. Pure.

import type { Source } from './options.ts'

export function isOf(rollup: Source, source: Source): boolean {
  return rollup.schema === source.schema && rollup.table === source.table
}

/** Each once. */
export function sourcesOf(rollups: readonly Source[]): readonly Source[] {
  const known = new Map(rollups.map(({ schema, table }) => [JSON.stringify([schema, table]), { schema, table }]))
  return [...known.values()]
}
