// Who reads the views of a rollup, or its levels, by views and functions of their own: those would have to go with them.

import { readDependants } from '../../catalog/dependants.ts'
import type { Queryable } from '../../db/db.ts'
import { levelOf } from '../model/names.ts'
import type { Rollup } from '../model/options.ts'
import { ownRelations } from '../model/own-relations.ts'

export async function readReaders(on: Queryable, rollup: Rollup): Promise<readonly string[]> {
  const read = [
    ...ownRelations(rollup).flatMap(({ kind, place }) => (kind === 'view' ? [place] : [])),
    ...(rollup.levels ?? []).map((unit) => levelOf(rollup, unit)),
  ]
  return (await readDependants(on, read)).map(({ what }) => what)
}
