// Carries out one planned migration, up or down, on the session that holds the migrations' lock.
//
// Invariants: a migration is recorded as done together with its last statement; what an interrupted run did is
// never done again (plan/script.ts); a file that changed after it was interrupted goes on only if the statements
// already carried out are still the same.

import { messageOf, StrataError } from '../base/errors.ts'
import { checkpoint, type Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Db, Session } from '../db/db.ts'
import { rollback } from '../db/transaction.ts'
import { quoteLiteral } from '../sql/quote.ts'
import type { ParsedStatement } from '../sql/parse.ts'
import { sql } from '../sql/sql.ts'
import {
  asOurselves,
  climb,
  openPatience,
  explainFailure,
  resetText,
  runScript,
  type BlockerWatch,
  type Busy,
  type Ladder,
  type ScriptStore,
} from '../plan/index.ts'
import { runBackfill } from './backfill.ts'
import type { CodeMigration, MigrationContext } from './code-file.ts'
import { parseBody, placeStatements, readBody, type MigrationBody } from './files.ts'
import type { PlannedMigration } from './plan.ts'
import { intentStatement, progressStatement, requireLock, type MigrationRecord } from './queries.ts'

export interface RunTools {
  readonly db: Db
  /** The session holds the lock that keeps two runners apart; on a scratch server there is nobody else. */
  readonly isLocked: boolean
  readonly ladder: Ladder
  readonly clock: Clock
  readonly random: Random
  readonly blockers: BlockerWatch
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: MigrationEvent) => void) | undefined
}

export type MigrationEvent =
  | { readonly type: 'waiting'; readonly holder: string }
  | { readonly type: 'started'; readonly name: string; readonly direction: 'up' | 'down'; readonly resumedAt: number }
  | { readonly type: 'statement'; readonly name: string; readonly number: number; readonly text: string }
  | { readonly type: 'busy'; readonly name: string; readonly busy: Busy }
  | {
      readonly type: 'backfill'
      readonly name: string
      readonly done: number
      readonly total: number | undefined
      readonly note: string
    }
  | { readonly type: 'done'; readonly name: string; readonly direction: 'up' | 'down'; readonly durationMs: number }

export async function runMigration(session: Session, planned: PlannedMigration, tools: RunTools): Promise<void> {
  const { file, direction, unfinished } = planned
  const begun = tools.clock.monotonic()
  const body = await readBody(file)
  tools.onEvent?.({ type: 'started', name: file.name, direction, resumedAt: unfinished?.statementsDone ?? 0 })
  if (body.kind === 'sql') await runStatements(session, planned, body, tools)
  else {
    await runCode(session, planned, body.code, tools)
    await session.query(sql.raw(resetText(session)))
  }
  tools.onEvent?.({ type: 'done', name: file.name, direction, durationMs: tools.clock.monotonic() - begun })
}

function storeOf(planned: PlannedMigration, { isLocked }: RunTools): ScriptStore {
  const { name, checksum, text } = planned.file
  const key = { name, checksum, content: text, direction: planned.direction }
  return {
    progress: (done, finished) => `${isLocked ? `${requireLock}; ` : ''}${progressStatement(key, done, finished)}`,
    intent: (done, before) => intentStatement(key, done, before),
  }
}

async function runStatements(
  session: Session,
  planned: PlannedMigration,
  body: Extract<MigrationBody, { kind: 'sql' }>,
  tools: RunTools,
): Promise<void> {
  const { file, direction, unfinished } = planned
  const statements = direction === 'up' ? body.up : body.down
  if (statements === undefined) throw irreversible(file.name)
  if (unfinished !== undefined) await requireSameStart(unfinished, statements)
  const going = unfinished?.direction === direction ? unfinished : undefined
  try {
    await runScript({
      session,
      script: await placeStatements(statements, file.file),
      state: { done: going?.statementsDone ?? 0, inFlight: going?.inFlight },
      store: storeOf(planned, tools),
      epilogue: resetText(session),
      ladder: tools.ladder,
      clock: tools.clock,
      random: tools.random,
      signal: tools.signal,
      onBusy: (busy) => tools.onEvent?.({ type: 'busy', name: file.name, busy }),
      onStatement: (statement, number) =>
        tools.onEvent?.({ type: 'statement', name: file.name, number, text: statement.text }),
    })
  } catch (error) {
    checkpoint(tools.signal)
    throw explainFailure(error, { code: 'MIGRATION_FAILED', name: file.file, blockers: tools.blockers.seen() })
  }
}

function irreversible(name: string): StrataError {
  return new StrataError('MIGRATION_IRREVERSIBLE', { message: `Migration ${name} has no way down` })
}

/** What was carried out must still be what the file says, up to and including a statement that was in flight. */
async function requireSameStart(record: MigrationRecord, statements: readonly ParsedStatement[]): Promise<void> {
  const before = await parseBody(record.content, record.name)
  const carriedOut = (record.direction === 'up' ? before.up : (before.down ?? [])).slice(
    0,
    record.statementsDone + (record.inFlight === undefined ? 0 : 1),
  )
  const changed = carriedOut.find((statement, number) => statements[number]?.text !== statement.text)
  if (changed === undefined) return
  throw new StrataError('MIGRATION_UNFINISHED', {
    message: `${record.name} stopped after ${record.statementsDone} statements, and one of those was changed since`,
    notes: [`as it was: ${changed.text}`],
    details: { name: record.name, statementsDone: record.statementsDone },
  })
}

async function runCode(
  session: Session,
  planned: PlannedMigration,
  code: CodeMigration,
  tools: RunTools,
): Promise<void> {
  const work = planned.direction === 'up' ? code.up : code.down
  if (work === undefined) throw irreversible(planned.file.name)
  try {
    await (code.transaction
      ? runInTransaction(session, planned, work, tools)
      : runOutside(session, planned, work, tools))
  } catch (error) {
    checkpoint(tools.signal)
    throw explainCode(error, planned, tools)
  }
}

function explainCode(error: unknown, planned: PlannedMigration, tools: RunTools): unknown {
  const explained = explainFailure(error, { code: 'MIGRATION_FAILED', name: planned.file.file })
  if (explained instanceof StrataError) {
    if (explained.code !== 'LOCK_TIMEOUT') return explained
    return new StrataError('LOCK_TIMEOUT', { message: explained.message, notes: tools.blockers.seen(), cause: error })
  }
  return new StrataError('MIGRATION_FAILED', {
    message: `${planned.file.file}: ${planned.direction}() failed: ${messageOf(error)}`,
    details: { name: planned.file.name },
    cause: error,
  })
}

type Work = (m: MigrationContext) => Promise<void>

const noBackfill = (): Promise<never> =>
  Promise.reject(
    new StrataError('MIGRATION_INVALID', {
      message: 'm.backfill commits batch by batch and cannot run inside a transaction',
      advice: 'Add `export const transaction = false` to the file.',
    }),
  )

async function runInTransaction(
  session: Session,
  planned: PlannedMigration,
  work: Work,
  tools: RunTools,
): Promise<void> {
  const store = storeOf(planned, tools)
  await climb({ session, ...tools }, async (lockTimeoutMs) => {
    const patience = openPatience(session, tools.clock, lockTimeoutMs)
    await session.query(sql.raw(`begin; set local lock_timeout = '${lockTimeoutMs}ms'`))
    await work({
      sql,
      query: async (statement) => {
        checkpoint(tools.signal)
        await patience.share()
        return await session.query(statement)
      },
      backfill: noBackfill,
      signal: tools.signal,
    })
    await session.query(sql.raw(`${asOurselves}${store.progress(1, true)}; commit`))
  })
}

/** Interrupted, it is run again from its beginning: the file said so by `transaction = false`. */
async function runOutside(session: Session, planned: PlannedMigration, work: Work, tools: RunTools): Promise<void> {
  const store = storeOf(planned, tools)
  const { name, file } = planned.file
  const prefix = `${name}:${planned.direction}:`
  let backfills = 0
  await session.query(sql.raw(`${asOurselves}${store.intent(0, {})}`))
  await session.query(sql.raw(`set lock_timeout = '${tools.ladder.rungs.at(-1)?.lockTimeoutMs ?? 1_000}ms'`))
  await work({
    sql,
    query: (statement) => session.query(statement),
    backfill: (spec) =>
      runBackfill(session, spec, {
        // By number: two over one table have a position each.
        name: `${prefix}${++backfills}:${spec.table.join('.')}`,
        clock: tools.clock,
        random: tools.random,
        signal: tools.signal,
        onProgress: (progress) =>
          tools.onEvent?.({
            type: 'backfill',
            name,
            done: progress.done,
            total: progress.total,
            note: progress.note ?? '',
          }),
      }),
    signal: tools.signal,
  })
  await refuseOpenTransaction(session, file)
  // Gone with the migration that needed them: after a `down`, the next `up` begins anew.
  const forget = `delete from pgstrata.backfill where starts_with(name, ${quoteLiteral(`${name}:`)})`
  await session.query(sql.raw(`${asOurselves}${store.progress(1, true)}; ${forget}`))
}

/** Outside a transaction every statement begins one of its own, so both clocks show the same. */
async function refuseOpenTransaction(session: Session, file: string): Promise<void> {
  const { rows } = await session
    .query(sql`select where now() = statement_timestamp()`)
    .catch(() => ({ rows: [] as readonly object[] }))
  if (rows.length > 0) return
  await rollback(session)
  throw new StrataError('MIGRATION_INVALID', {
    message: `${file} left a transaction open; it was rolled back`,
    advice: 'Commit what you begin, or leave out `export const transaction = false`.',
  })
}
