// What one run of a script is made of: shared by the way through a transaction (script.ts) and outside (outside.ts).

import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Session } from '../db/db.ts'
import type { AstNode, ParsedStatement } from '../sql/parse.ts'
import { sql } from '../sql/sql.ts'
import type { Block, PlacedStatement } from './blocks.ts'
import type { Ladder } from './ladder.ts'
import type { Look } from './recovery.ts'
import { asOurselves } from './session.ts'
import { StatementFailure } from './statement-failure.ts'

/** Where the progress of a script is kept. Each call is SQL without parameters, so that it can share a message. */
export interface ScriptStore {
  /** `done` statements have taken effect; `finished`: that was all. */
  readonly progress: (done: number, finished: boolean) => string
  /** Statement number `done` is about to run outside a transaction. */
  readonly intent: (done: number, before: Look) => string
}

export interface ScriptState {
  readonly done: number
  readonly inFlight: Look | undefined
}

export interface ScriptRun {
  readonly session: Session
  readonly script: readonly PlacedStatement[]
  readonly state: ScriptState
  readonly store: ScriptStore
  /** Sent behind the last note: what the session needs before its next script. */
  readonly epilogue: string
  readonly ladder: Ladder
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  /** Told when a lock was not to be had and the block will be tried again. */
  readonly onBusy?: ((busy: Busy) => void) | undefined
  readonly onStatement?: ((statement: ParsedStatement, number: number) => void) | undefined
}

export interface Busy {
  readonly statement: ParsedStatement
  readonly attempt: number
  readonly attempts: number
  readonly pauseMs: number
}

export type TransactionBlock = Extract<Block, { kind: 'transaction' }>
export type OutsideBlock = Extract<Block, { kind: 'outside' }>

/** That so much is done; behind the last note the session is put right for the next script. */
export function noteOf(run: ScriptRun, done: number, finished: boolean): string {
  const note = `${asOurselves}${run.store.progress(done, finished)}`
  return finished && touchesSession(run) ? `${note}; ${run.epilogue}` : note
}

/** These run nobody's code and SET nothing, so they leave the session as it was: a round trip's worth saved. */
const sessionNeutral: ReadonlySet<string> = new Set([
  'AlterEnumStmt',
  'CommentStmt',
  'CreateEnumStmt',
  'CreateStmt',
  'DropStmt',
  'GrantStmt',
  'IndexStmt',
  'RenameStmt',
])

export function touchesSession(run: ScriptRun): boolean {
  return run.script.some(({ statement: { kind, node } }) => !sessionNeutral.has(kind) || isTemporary(node))
}

function isTemporary(node: AstNode): boolean {
  return (node['relation'] as { relpersistence?: string } | undefined)?.relpersistence === 't'
}

export async function execute(session: Session, statement: ParsedStatement, number: number): Promise<void> {
  try {
    await session.query(sql.raw(statement.text))
  } catch (error) {
    throw new StatementFailure(statement, number, error, 'statement')
  }
}
