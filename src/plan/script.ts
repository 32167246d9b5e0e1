// Runs a script of SQL statements block by block, with short lock waits, so that a kill at any moment loses nothing
// and repeats nothing.
//
// Invariants
//  1. A block in a transaction takes effect together with the note that it did: both are committed, or neither is.
//  2. Before a statement that runs outside a transaction begins, what it will change is noted (`in_flight`), and
//     committed; a later run compares that note with the catalog (recovery.ts) before it runs the statement again.
//  3. Nobody else runs the same script: the caller holds an advisory lock on this very session, so a backend that
//     outlives its dead client still keeps others out.
// On failure: the open transaction is rolled back, an INVALID index left behind is dropped, and the error names the
// statement. A lost connection is not retried here: the next run looks at what is there.

import { checkpoint } from '../base/clock.ts'
import { rollback } from '../db/transaction.ts'
import type { ParsedStatement } from '../sql/parse.ts'
import { sql } from '../sql/sql.ts'
import { isConnectionLost, sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import { cutBlocks, endOf, type PlacedStatement } from './blocks.ts'
import { climb, type ClimbOptions } from './climb.ts'
import { joint } from './joint.ts'
import { runOutside } from './outside.ts'
import { openPatience } from './patience.ts'
import { execute, noteOf, touchesSession, type ScriptRun, type TransactionBlock } from './script-run.ts'
import { asOurselves } from './session.ts'
import { StatementFailure } from './statement-failure.ts'

/** A lock that is not had in this time may well be free. */
const shortestShareMs = 5

/** What the server says to a statement that must not be in a transaction block. */
export const insideRefused: ReadonlySet<string> = new Set([
  sqlstate.activeTransaction,
  sqlstate.invalidTransactionTermination,
])
export async function runScript(run: ScriptRun): Promise<void> {
  let script = run.script
  let done = run.state.done
  let inFlight = run.state.inFlight
  await replaySettings(run, done)
  for (;;) {
    checkpoint(run.signal)
    const blocks = cutBlocks(script, done)
    const block = blocks[0]
    if (block === undefined) break
    const finishes = blocks.length === 1
    try {
      if (block.kind === 'outside') await runOutside(run, block, inFlight, finishes)
      else await runTransaction(run, block, finishes)
    } catch (error) {
      const learned = learnOutside(script, error)
      if (learned === undefined) throw error
      script = learned
      continue
    }
    inFlight = undefined
    done = endOf(block)
    if (finishes) return
  }
  await run.session.query(sql.raw(noteOf(run, script.length, true)))
}

/** SET of an earlier block belongs to the session, and after a restart this is another session. */
async function replaySettings(run: ScriptRun, done: number): Promise<void> {
  for (const { statement } of run.script.slice(0, done)) {
    if (isLastingSet(statement)) await run.session.query(sql.raw(statement.text))
  }
}

/** SET, or set_config(…, false) alone in a SELECT, as pg_dump writes it. */
function isLastingSet(statement: ParsedStatement): boolean {
  if (statement.kind === 'VariableSetStmt') return statement.node['is_local'] !== true
  return (
    statement.kind === 'SelectStmt' &&
    /^select\s+(pg_catalog\.)?set_config\s*\([^;]*,\s*(false|'f(alse)?')\s*\)$/i.test(statement.text)
  )
}

/** The server refused a statement inside a transaction block, as such: place it outside from now on. */
function learnOutside(script: readonly PlacedStatement[], error: unknown): readonly PlacedStatement[] | undefined {
  if (!(error instanceof StatementFailure) || !insideRefused.has(sqlstateOf(error.cause) ?? '')) return undefined
  const placed = script[error.number]
  // A late SET TRANSACTION is refused with the same SQLSTATE, and outside it would mean nothing.
  if (placed === undefined || placed.placement.where !== 'inside' || placed.statement.kind === 'VariableSetStmt')
    return undefined
  const commits = ['CallStmt', 'DoStmt'].includes(placed.statement.kind)
  const outside: PlacedStatement = {
    statement: placed.statement,
    placement: { where: 'outside', effect: { kind: commits ? 'unknown' : 'repeatable' } },
  }
  return script.with(error.number, outside)
}

async function runTransaction(run: ScriptRun, block: TransactionBlock, finishes: boolean): Promise<void> {
  if (await attemptAtOnce(run, block, finishes)) return
  const onBusy: ClimbOptions['onBusy'] = (error, tries) => {
    if (error instanceof StatementFailure) run.onBusy?.({ statement: error.statement, ...tries })
  }
  await climb({ ...run, onBusy }, (lockTimeoutMs) => attemptTransaction(run, block, finishes, lockTimeoutMs))
}

/**
 * The whole block as one message: one round trip instead of one a statement. Where anything goes wrong nothing of it
 * took effect, and it is run again statement by statement, which finds out what it was. The rung is shared evenly,
 * because nobody can say in between how long is left.
 */
async function attemptAtOnce(run: ScriptRun, block: TransactionBlock, finishes: boolean): Promise<boolean> {
  const { session, ladder } = run
  const lockTimeoutMs = Math.floor((ladder.rungs[0]?.lockTimeoutMs ?? 0) / block.statements.length)
  const setsItself = block.statements.some((statement) => statement.kind === 'VariableSetStmt')
  if (setsItself || lockTimeoutMs < shortestShareMs) return false
  const texts = block.statements.map((statement) => statement.text)
  const note = `${asOurselves}${run.store.progress(endOf(block), finishes)}`
  const message = [
    `begin; set local lock_timeout = '${lockTimeoutMs}ms'`,
    ...texts,
    note,
    'commit',
    ...(finishes && touchesSession(run) ? [run.epilogue] : []),
  ]
  block.statements.forEach((statement, index) => run.onStatement?.(statement, block.first + index))
  try {
    await session.query(sql.raw(message.join(joint)))
    return true
  } catch (error) {
    await rollback(session)
    checkpoint(run.signal)
    if (isConnectionLost(error)) throw error
    return false
  }
}

async function attemptTransaction(
  run: ScriptRun,
  block: TransactionBlock,
  finishes: boolean,
  lockTimeoutMs: number,
): Promise<void> {
  const { session, clock, store } = run
  const patience = openPatience(session, clock, lockTimeoutMs)
  await session.query(sql.raw(`begin; set local lock_timeout = '${lockTimeoutMs}ms'`))
  for (const [index, statement] of block.statements.entries()) {
    const number = block.first + index
    checkpoint(run.signal)
    run.onStatement?.(statement, number)
    if (index > 0) await patience.share()
    await execute(session, statement, number)
    if (statement.kind === 'VariableSetStmt') patience.renew()
  }
  const last = block.statements.at(-1)
  try {
    const end = finishes && touchesSession(run) ? `; ${run.epilogue}` : ''
    await session.query(sql.raw(`${asOurselves}${store.progress(endOf(block), finishes)}; commit${end}`))
  } catch (error) {
    // A deferred constraint speaks up here.
    throw last === undefined ? error : new StatementFailure(last, endOf(block) - 1, error, 'commit')
  }
}
