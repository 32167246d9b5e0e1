// Who reads the views of a rollup, its levels or its functions, by views and functions of their own: those would have to go with them.

import { readDependants } from '../../catalog/dependants.ts'
import type { CarryReaders, ReadByOthers } from '../../plan/index.ts'
import { levelOf } from '../model/names.ts'
import { ownFunctions } from '../model/own-functions.ts'
import { ownRelations } from '../model/own-relations.ts'
import type { Shape } from '../model/shape.ts'

/** What of it others may read. */
export function readByOthers(shape: Shape): ReadByOthers {
  const { rollup } = shape
  return {
    relations: [
      ...ownRelations(rollup).flatMap(({ kind, place }) => (kind === 'view' ? [place] : [])),
      ...(rollup.levels ?? []).map((unit) => levelOf(rollup, unit)),
    ],
    functions: ownFunctions(shape).map(({ place }) => place),
  }
}

/** Where nobody is there who can make a reader again. */
export const carryNobody: CarryReaders = async (session, { relations, functions }) => {
  const readers = await readDependants(session, relations, { functions })
  return {
    drop: [],
    create: [],
    changes: [],
    stuck: readers.map(({ what }) => what),
    uses: [],
    records: { feature: '', objects: [] },
  }
}
