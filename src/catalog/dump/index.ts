// The schema of a database as SQL: complete, canonical and executable. See read.ts, render.ts and restore.ts.

import type { Db, Session } from '../../db/db.ts'
import { readSchema } from './read.ts'
import type { ReadOptions } from './reading.ts'
import { renderSchema } from './render.ts'

export type { SchemaObject } from './object.ts'
export { readObject, readObjects, type ObjectRef } from './read-objects.ts'
export { readSchema } from './read.ts'
export type { ReadOptions } from './reading.ts'
export { renderSchema, renderScript } from './render.ts'
export { restoreSchema, scriptSettings, type Restored, type SkippedObject } from './restore.ts'

/** The canonical text of a schema: two databases of one major version with equal texts have equal schemas. */
export async function dumpSchema(on: Db | Session, options: ReadOptions = {}): Promise<string> {
  return renderSchema(await readSchema(on, options))
}
