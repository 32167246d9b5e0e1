// Moves partitions: one after the other, each step by step, until it is at rest or has to wait.
//
// What must be true: one process at a time works on a table, held apart by the advisory lock of the table's oid on the session that
// works (conversions and the jobs that keep partitions take the same one), and by the token of the partition's row, which every step
// compares. Everything that was done is in that row: any process can go on where this one was killed.
// On failure the partition is readable as before; what failed is noted, and tried again later.

import { checkpoint, type Clock } from '../../base/clock.ts'
import { isStrataError, messageOf, StrataError } from '../../base/errors.ts'
import type { Random } from '../../base/random.ts'
import type { Db, Queryable, Session } from '../../db/db.ts'
import { translateError } from '../../db/translate.ts'
import { endsTheRun, publicMessage } from '../../partitions/for-tiers.ts'
import { buildLadder, type LadderOptions } from '../../plan/index.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import type { TieredTable } from '../model/options.ts'
import { advance, amend, takeOver, type TierPartition } from '../model/record.ts'
import { isResting, type Move } from '../model/states.ts'
import type { Archiving, MoveRun } from './context.ts'
import { requirePossible } from './conditions.ts'
import { nameOf } from './leaves.ts'
import { refit } from './restore.ts'
import { steps } from './steps.ts'

export interface MoveTools {
  readonly db: Db
  readonly ladder: LadderOptions
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  readonly confirm?: ((tx: Queryable) => Promise<void>) | undefined
  /** Now, where it is not the database's. */
  readonly at?: Date | undefined
  /** Where the files of a table go; undefined: no archive is declared. */
  readonly archivingOf?: ((table: TieredTable) => Archiving | undefined) | undefined
  /** How archived columns become those of the table, where a person says it. */
  readonly fitting?: MoveRun['fitting']
  /** Waits for replicas. */
  readonly throttle?: (() => Promise<void>) | undefined
  /** After each commit: the moments a kill may come. */
  readonly onCommit?: ((what: string) => Promise<void> | void) | undefined
  readonly onProgress?: ((share: number) => void) | undefined
}

export function openRun(
  tools: MoveTools,
  {
    session,
    table,
    record,
  }: { readonly session: Session; readonly table: TieredTable; readonly record: TierPartition },
): MoveRun {
  const { db, clock, random, signal, at, confirm = async () => {}, throttle = async () => {} } = tools
  const ladder = buildLadder(tools.ladder)
  const archiving = tools.archivingOf?.(table)
  const told = { onCommit: tools.onCommit, onProgress: tools.onProgress }
  const { fitting } = tools
  return {
    db,
    session,
    table,
    archiving,
    fitting,
    ladder,
    clock,
    random,
    signal,
    at,
    confirm,
    throttle,
    ...told,
    record,
  }
}

/** Makes the partition this run's, and begins; `move` undefined: what is under way goes on. */
export async function beginMove(
  run: MoveRun,
  { move, by }: { readonly move: Move | undefined; readonly by: 'policy' | 'person' },
): Promise<void> {
  run.record = await takeOver(run.session, run.record.id)
  if (move === undefined) {
    if (run.record.state.startsWith('restore:')) await refit(run)
    return
  }
  await requirePossible(run, move)
  const { fitting = null } = move === 'restore' ? run : {}
  run.record = await advance(run.session, run.record, move, { request: move, requestBy: by, failure: null, fitting })
  await run.onCommit?.(run.record.state)
}

/** `given up`: it is where it was. `waiting`: an archived partition has its grace. */
export type Ending = 'moved' | 'given up' | 'waiting' | 'paused'

export async function runMove(run: MoveRun, isPaused: () => Promise<boolean>): Promise<Ending> {
  const { rest, request } = run.record
  const begunMs = run.clock.monotonic()
  let gaveUp = run.record.state === 'aborting'
  let refused: unknown
  for (;;) {
    const { state } = run.record
    if (isResting(state) || state === 'archived') {
      await noteMove(run, { what: request ?? 'goes on', from: rest, tookMs: run.clock.monotonic() - begunMs })
      if (refused !== undefined) throw refused
      return gaveUp ? 'given up' : state === 'archived' ? 'waiting' : 'moved'
    }
    checkpoint(run.signal)
    if (await isPaused()) return 'paused'
    const step = steps[state]
    try {
      await step(run)
    } catch (error) {
      const told = await noteFailure(run, error)
      if (state === 'aborting' || !isInVain(run.record, error)) throw told
      run.record = await giveUp(run, told)
      refused = told
    }
    gaveUp = gaveUp || run.record.state === 'aborting'
  }
}

/** Of what stands in the way of everybody, not of this partition, nothing is noted. */
async function noteFailure(run: MoveRun, error: unknown): Promise<unknown> {
  checkpoint(run.signal)
  if (endsTheRun(error) || isStrataError(error, 'TIER_BUSY')) return error
  const { record } = run
  const told = explain(record, error)
  const failures = record.failures + 1
  const pause = isStrataError(told, 'LOCK_TIMEOUT') ? '0' : isOutOfRoom(error) ? '1 hour' : '5 minutes'
  const notBefore = sql`clock_timestamp() + least(${pause}::interval * (2 ^ least(${failures - 1}::int4, 10)), interval '1 day')`
  // Not told: whoever overtook us knows better, and a connection that is lost is told below.
  await amend(run.db, record, { failures, failure: messageOf(told), notBefore }).catch(() => undefined)
  return told
}

/**
 * It would fail in the same way again, and the guard doubles every INSERT as long as it is tried. Of a restore nobody pays, and what
 * was fetched is kept.
 */
function isInVain({ rest }: TierPartition, error: unknown): boolean {
  const violatesConstraint = sqlstateOf(error)?.startsWith('23') === true
  return rest !== 'cold' && (isStrataError(error, 'TIER_REFUSED') || violatesConstraint)
}

async function giveUp({ session, record }: MoveRun, told: unknown): Promise<TierPartition> {
  const notBefore = sql`clock_timestamp() + interval '1 hour'`
  return await advance(session, record, 'abort', { failure: messageOf(told), notBefore })
}

function isOutOfRoom(error: unknown): boolean {
  const state = sqlstateOf(error)
  return state !== undefined && state.startsWith('53')
}

function explain(record: TierPartition, error: unknown): unknown {
  const what = `${nameOf(record)}, ${record.state}`
  const translated = translateError(error, what)
  if (translated instanceof StrataError) return translated
  const state = sqlstateOf(error)
  if (state === undefined || state === sqlstate.adminShutdown) return error
  return new StrataError('TIER_FAILED', {
    message: `${what}: ${publicMessage(error)}`,
    details: { sqlstate: state, state: record.state },
    cause: error,
  })
}

async function noteMove(
  { session, record }: MoveRun,
  { what, from, tookMs }: { readonly what: string; readonly from: string; readonly tookMs: number },
): Promise<void> {
  await session.query(sql`
    insert into pgstrata.tier_move
      (tier_partition, what, from_state, to_state, rows, bytes_before, bytes_after, began_at, note)
    values (${record.id}::int8, ${what}, ${from}, ${record.state}, ${record.content?.rows ?? null}::int8,
      ${record.heapBytes}::int8, ${record.tierBytes}::int8, clock_timestamp() - ${tookMs} * interval '1 ms', ${record.failure})`)
}
