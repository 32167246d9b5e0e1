// A first migration from a database that is already there: its whole schema as SQL, recorded as applied without being
// run. From then on `verify`, `up` on an empty database and a shadow start from the same schema as production.
// Refused where migrations are recorded already, and written before it is recorded: a kill in between leaves a
// pending migration whose file a person can remove.

import type { Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import { ensureInstalled } from '../catalog/install.ts'
import { readSchema, renderScript, scriptSettings } from '../catalog/dump/index.ts'
import type { Db } from '../db/db.ts'
import { quoteLiteral } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'
import { readMigrations } from './files.ts'
import { createMigration } from './new-file.ts'
import { progressStatement, readRecords } from './queries.ts'

export interface BaselineOptions {
  readonly db: Db
  readonly dir: string
  readonly clock: Clock
}

export async function runBaseline(options: BaselineOptions): Promise<string> {
  const { db, dir, clock } = options
  const recorded = await readRecords(db)
  const files = await readMigrations(dir).catch(() => [])
  if (recorded.length > 0 || files.length > 0) {
    throw new StrataError('FILE_EXISTS', {
      message: 'There are migrations already',
      expected: 'an empty folder and an empty record for a baseline',
      got: `${files.length} files, ${recorded.length} recorded`,
    })
  }
  const settings = Object.entries(scriptSettings).map(([name, value]) => `set ${name} = ${quoteLiteral(value)};`)
  const script = renderScript(await readSchema(db))
  const text = `-- up\n-- The schema as it stood when pgstrata came in.\n${settings.join('\n')}\n\n${script}`
  const path = await createMigration({ dir, title: 'baseline', kind: 'sql', clock, text })
  const [file] = await readMigrations(dir)
  if (file === undefined) throw new StrataError('INTERNAL', { message: `${path} was written and is not there` })
  await db.withSession(async (session) => {
    await ensureInstalled(session)
    await session.query(
      sql.raw(
        progressStatement({ name: file.name, checksum: file.checksum, content: file.text, direction: 'up' }, 0, true),
      ),
    )
  })
  return path
}
