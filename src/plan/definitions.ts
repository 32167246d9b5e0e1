// How managed objects look now: each as the schema dump writes it, with all its parts, in one text. Grants are left out:
// who may read what we made is not ours to say.

import { readObject } from '../catalog/dump/index.ts'
import type { Db, Session } from '../db/db.ts'
import type { ManagedObject } from './step.ts'

/** By identity; an object that does not exist is left out. */
export async function readDefinitions(
  on: Db | Session,
  objects: readonly ManagedObject[],
): Promise<ReadonlyMap<string, string>> {
  const definitions = new Map<string, string>()
  for (const { identity, ref } of objects) {
    const found = await readObject(on, ref, { excludeSchemas: [], grants: false })
    if (found !== undefined) definitions.set(identity, found.sql)
  }
  return definitions
}
