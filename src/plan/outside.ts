// Runs one statement that cannot be in a transaction. Invariant 2 of script.ts is kept here: noted before it begins,
// compared with the catalog after a crash, cleared up after a failure.

import { checkpoint } from '../base/clock.ts'
import { jitter } from '../base/random.ts'
import { sql } from '../sql/sql.ts'
import { isConnectionLost } from '../sql/sqlstate.ts'
import { endOf } from './blocks.ts'
import { isRace } from './climb.ts'
import { examine, look, type Look } from './recovery.ts'
import { execute, noteOf, type OutsideBlock, type ScriptRun } from './script-run.ts'
import { asOurselves } from './session.ts'
import { StatementFailure } from './statement-failure.ts'

export async function runOutside(
  run: ScriptRun,
  block: OutsideBlock,
  inFlight: Look | undefined,
  finishes: boolean,
): Promise<void> {
  const { session } = run
  try {
    await session.query(sql.raw(`set lock_timeout = '${triesOf(run, block)[0]?.lockTimeoutMs ?? 0}ms'`))
    const remains = await examine(session, block.effect, inFlight)
    if (remains.verdict === 'run') {
      for (const clear of remains.clear) await session.query(clear)
      await tryOutside(run, block, await look(session, block.effect))
    }
    try {
      await session.query(sql.raw(noteOf(run, endOf(block), finishes)))
    } catch (error) {
      throw new StatementFailure(block.statement, block.first, error, 'commit')
    }
  } finally {
    await session.query(sql`reset lock_timeout`).catch(() => undefined)
  }
}

const waitsHarmNobody: ReadonlySet<string> = new Set(['create-index', 'drop-index', 'reindex'])

/** Concurrent index work waits long and blocks nobody; anything else outside a transaction climbs the ladder. */
function triesOf(run: ScriptRun, block: OutsideBlock): readonly { lockTimeoutMs: number; pauseMs: number }[] {
  const { rungs, concurrentTimeoutMs, concurrentTries } = run.ladder
  if (block.effect.kind === 'unknown') return rungs.slice(-1)
  if (!waitsHarmNobody.has(block.effect.kind)) return rungs
  return Array.from({ length: concurrentTries }, (_, index) => ({
    lockTimeoutMs: concurrentTimeoutMs,
    pauseMs: 1_000 * (index + 1),
  }))
}

async function tryOutside(run: ScriptRun, block: OutsideBlock, before: Look): Promise<void> {
  const { session } = run
  const tries = triesOf(run, block)
  let isHalfDone = false
  for (const [index, { lockTimeoutMs, pauseMs }] of tries.entries()) {
    checkpoint(run.signal)
    if (!isHalfDone) await session.query(sql.raw(`${asOurselves}${run.store.intent(block.first, before)}`))
    await session.query(sql.raw(`set lock_timeout = '${lockTimeoutMs}ms'`))
    try {
      if (isHalfDone && (await endHalfDone(run, block, before))) return
      run.onStatement?.(block.statement, block.first)
      await execute(session, block.statement, block.first)
      return
    } catch (error) {
      // What an interrupted or a lost run leaves is noted as in flight: the next run clears it up.
      checkpoint(run.signal)
      // What commits by itself may have come half-way: that stays noted, too, and is not tried again unasked.
      if (block.effect.kind === 'unknown' || isConnectionLost((error as StatementFailure).cause)) throw error
      const cleared: Cleared = isHalfDone ? 'busy' : await clearRemains(run, block, before)
      if (cleared === 'done') return
      isHalfDone = cleared === 'busy' && block.effect.kind === 'detach'
      if ((cleared === 'busy' && !isHalfDone) || !isRace(error) || index === tries.length - 1) throw error
      const waitMs = jitter(pauseMs, 0.5, run.random)
      run.onBusy?.({ statement: block.statement, attempt: index + 1, attempts: tries.length, pauseMs: waitMs })
      await run.clock.sleep(waitMs, run.signal)
    }
  }
}

/**
 * A pending detach cannot be begun again, only ended, and that may have to wait for the same lock: the ladder goes on
 * with it. False: somebody else ended it, and the statement is to run (and to say what it finds).
 */
async function endHalfDone(run: ScriptRun, block: OutsideBlock, before: Look): Promise<boolean> {
  try {
    return (await examine(run.session, block.effect, before)).verdict === 'done'
  } catch (error) {
    throw new StatementFailure(block.statement, block.first, error, 'statement')
  }
}

type Cleared = 'done' | 'cleared' | 'busy'

/** An INVALID index costs every write and helps no read: it does not outlive the failure, unless it cannot be dropped now. */
async function clearRemains(run: ScriptRun, block: OutsideBlock, before: Look): Promise<Cleared> {
  const { session, store } = run
  try {
    const remains = await examine(session, block.effect, before)
    if (remains.verdict === 'done') return 'done'
    for (const clear of remains.clear) await session.query(clear)
  } catch (error) {
    if (isRace(error)) return 'busy'
    throw error
  }
  // Nothing is in flight any more: the statement failed, was cleared up, and may be edited.
  await session.query(sql.raw(`${asOurselves}${store.progress(block.first, false)}`))
  return 'cleared'
}
