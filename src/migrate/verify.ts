// Proves that every migration comes back as it went: on an embedded scratch cluster each one runs up, down and up
// again, and the schema after each is compared with what it must be, object by object (catalog/dump).
// Data is not compared: a `down` that drops a column cannot bring its values back.

import { diffLines } from '../base/line-diff.ts'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import { checkpoint } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { ensureInstalled } from '../catalog/install.ts'
import { dumpSchema } from '../catalog/dump/index.ts'
import type { Db, Session } from '../db/db.ts'
import { openScratch } from '../embedded/index.ts'
import { prepareSession, type LadderOptions } from '../plan/index.ts'
import { readBody, type MigrationFile } from './files.ts'
import { runMigration, type RunTools } from './run-migration.ts'
import { scratchTools } from './scratch-tools.ts'

export interface VerifyOptions {
  readonly files: readonly MigrationFile[]
  readonly version: 15 | 16 | 17 | 18
  readonly from: string
  readonly ladder: LadderOptions
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly signal?: AbortSignal | undefined
  readonly onVerified?: ((result: VerifyResult) => void) | undefined
}

export interface VerifyResult {
  readonly name: string
  readonly verdict: 'ok' | 'irreversible' | 'down differs' | 'up differs'
  /** What down (or the second up) left, against what it should have. */
  readonly diff: readonly string[]
}

export async function verifyMigrations(options: VerifyOptions): Promise<readonly VerifyResult[]> {
  const scratch = await openScratch({ version: options.version, from: options.from, logger: options.logger })
  try {
    return await scratch.db.withSession(async (session) => {
      await prepareSession(session)
      await ensureInstalled(session)
      const tools = scratchTools(scratch.db, options)
      const results: VerifyResult[] = []
      for (const file of options.files) {
        checkpoint(options.signal)
        const result = await verifyOne(session, scratch.db, file, tools)
        results.push(result)
        options.onVerified?.(result)
      }
      return results
    })
  } finally {
    await scratch.close()
  }
}

async function verifyOne(session: Session, db: Db, file: MigrationFile, tools: RunTools): Promise<VerifyResult> {
  const body = await readBody(file)
  const reversible = body.kind === 'sql' ? body.down !== undefined : body.code.down !== undefined
  const run = async (direction: 'up' | 'down'): Promise<string> => {
    await runMigration(session, { direction, file, unfinished: undefined }, tools)
    return await dumpSchema(db)
  }
  const before = await dumpSchema(db)
  const after = await run('up')
  if (!reversible) return { name: file.name, verdict: 'irreversible', diff: [] }
  const back = await run('down')
  if (back !== before) return { name: file.name, verdict: 'down differs', diff: diffLines(before, back) }
  const again = await run('up')
  return { name: file.name, verdict: again === after ? 'ok' : 'up differs', diff: diffLines(after, again) }
}

export function requireVerified(results: readonly VerifyResult[]): void {
  const wrong = results.filter((result) => result.diff.length > 0)
  if (wrong.length === 0) return
  throw new StrataError('MIGRATION_VERIFY', {
    message: `${wrong.map((result) => result.name).join(', ')} ${wrong.length === 1 ? 'does' : 'do'} not come back as it went`,
    notes: wrong.flatMap((result) => [`${result.name} (${result.verdict}):`, ...result.diff]),
    details: { migrations: wrong.map(({ name, verdict }) => ({ name, verdict })) },
  })
}
