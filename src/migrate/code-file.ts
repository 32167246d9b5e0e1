// Migrations written in TypeScript or JavaScript: `export async function up(m)` and, for a way down, `down(m)`.
// Both run in one transaction with the note that they did, unless the file exports `transaction = false`; then
// the function runs outside, is run again if it was interrupted, and so has to be repeatable (m.backfill is).

import { messageOf, StrataError } from '../base/errors.ts'
import { loadModule } from '../base/load-module.ts'
import type { Result } from '../db/db.ts'
import type { Sql, SqlTag } from '../sql/sql.ts'
import type { BackfillReport, BackfillSpec } from './backfill.ts'

export interface MigrationContext {
  readonly query: <Row extends object = Record<string, unknown>>(statement: Sql) => Promise<Result<Row>>
  /** Changes many rows in small committed batches; only where the file exports `transaction = false`. */
  readonly backfill: (spec: BackfillSpec) => Promise<BackfillReport>
  /** The sql tag: a migration needs no import. */
  readonly sql: SqlTag
  readonly signal: AbortSignal | undefined
}

export interface CodeMigration {
  readonly up: (m: MigrationContext) => Promise<void>
  readonly down: ((m: MigrationContext) => Promise<void>) | undefined
  readonly transaction: boolean
}

interface CodeFile {
  readonly path: string
  /** As messages call it. */
  readonly file: string
}

export async function loadCode(migration: CodeFile): Promise<CodeMigration> {
  const exported = await importFile(migration)
  const { up, down, transaction = true } = exported
  if (typeof up !== 'function') throw malformed(migration.file, 'an exported function `up`', typeof up)
  if (down !== undefined && typeof down !== 'function')
    throw malformed(migration.file, '`down` to be a function', typeof down)
  if (typeof transaction !== 'boolean')
    throw malformed(migration.file, '`transaction` to be true or false', typeof transaction)
  return { up: up as CodeMigration['up'], down: down as CodeMigration['down'], transaction }
}

async function importFile(migration: CodeFile): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await loadModule(migration.path)
  } catch (error) {
    throw new StrataError('MIGRATION_INVALID', {
      message: `${migration.file} cannot be loaded: ${messageOf(error)}`,
      cause: error,
    })
  }
}

function malformed(file: string, expected: string, got: string): StrataError {
  return new StrataError('MIGRATION_INVALID', { message: `${file} is not a migration`, expected, got })
}
