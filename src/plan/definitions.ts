// How managed objects look now: each as the schema dump writes it, with all its parts, in one text. Grants are left out:
// who may read what we made is not ours to say.

import { readObjects } from '../catalog/dump/index.ts'
import type { Db, Session } from '../db/db.ts'
import type { ManagedObject } from './step.ts'

/** By identity; an object that does not exist is left out. */
export async function readDefinitions(
  on: Db | Session,
  objects: readonly ManagedObject[],
): Promise<ReadonlyMap<string, string>> {
  const found = await readObjects(
    on,
    objects.map(({ ref }) => ref),
    { grants: false },
  )
  return new Map(
    objects.flatMap(({ identity, ref }) => {
      const object = found.get(ref)
      return object === undefined ? [] : [[identity, object.sql] as const]
    }),
  )
}
