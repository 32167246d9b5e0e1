// Who carries moves out: the job by the declaration, and a person by name. See run.ts for what holds.

import { checkpoint } from '../../base/clock.ts'
import { isStrataError, StrataError } from '../../base/errors.ts'
import type { Queryable, Session } from '../../db/db.ts'
import { requireDirect } from '../../db/server-facts.ts'
import { endsTheRun, publicMessage, readParent, workOnTable } from '../../partitions/for-tiers.ts'
import { buildLadder } from '../../plan/index.ts'
import { quoteQualified } from '../../sql/quote.ts'
import type { TieredTable } from '../model/options.ts'
import { advance, readTierPartitions, takeOver, type TierPartition } from '../model/record.ts'
import { isResting, type Move } from '../model/states.ts'
import { findTierTable, type TierTable } from '../model/tables.ts'
import { planMoves, type DueMove } from './due.ts'
import { nameOf } from './leaves.ts'
import { readMoves } from './readings.ts'
import { settleHere } from './resume.ts'
import { beginMove, openRun, runMove, type Ending, type MoveTools } from './run.ts'
import { forgetLateRows, tidy } from './tidy.ts'

export interface MoveReport {
  /** 'plays_2026_01: pack' */
  readonly moved: readonly string[]
  readonly warnings: readonly string[]
}

/** No move begins after that; one that has begun comes to its end. */
const takesForMs = 30 * 60_000

/** What is due, of all tables. One partition's failure does not stop the others. */
export async function runMoves(tables: readonly TieredTable[], tools: MoveTools): Promise<MoveReport> {
  const report = { moved: [] as string[], warnings: [] as string[] }
  if (tables.length === 0) return report
  await requireDirect(tools.db)
  const untilMs = tools.clock.monotonic() + takesForMs
  for (const table of tables) {
    checkpoint(tools.signal)
    const { key } = table.partitioned
    const tier = await findTierTable(tools.db, table.partitioned)
    // What is declared and not applied has not been read by anybody yet.
    if (tier === undefined) continue
    try {
      await moveDue(table, { tools, untilMs, report })
    } catch (error) {
      checkpoint(tools.signal)
      if (endsTheRun(error)) throw error
      report.warnings.push(`${key}: ${publicMessage(error)}`)
    }
  }
  return report
}

interface Errand {
  readonly tools: MoveTools
  readonly untilMs: number
  readonly report: { readonly moved: string[]; readonly warnings: string[] }
}

/** The table's lock is given up between two moves, so that others come to it: partitions have to be made in time. */
async function moveDue(table: TieredTable, errand: Errand): Promise<void> {
  const tried = new Set<bigint>()
  for (;;) {
    checkpoint(errand.tools.signal)
    if (errand.tools.clock.monotonic() >= errand.untilMs) return
    const isOver = await workOn(errand.tools, table, (session) => moveNext(session, { table, errand, tried }))
    if (isOver) return
  }
}

async function moveNext(
  session: Session,
  { table, errand, tried }: { readonly table: TieredTable; readonly errand: Errand; readonly tried: Set<bigint> },
): Promise<boolean> {
  const { tools, report } = errand
  const tier = await requireTier(session, table)
  await settleHere(session, tier)
  const readings = await readMoves(session, table, { tier, at: tools.at })
  // A person who asks for a move of a table that was paused means it.
  const due = planMoves(table, readings).filter((one) => !tier.paused || isAskedFor(one))
  const next = due.find(({ record }) => !tried.has(record.id))
  if (next === undefined) {
    await tidy(session, tier, tools.archivingOf?.(table)?.work)
    await forgetLateRows(session, tier, buildLadder(tools.ladder))
    return true
  }
  tried.add(next.record.id)
  const name = nameOf(next.record)
  try {
    const { ending, record } = await moveOne(session, { tools, table, next, by: 'policy' })
    const what = next.move ?? record.request ?? 'went on'
    if (ending === 'moved' || ending === 'waiting') report.moved.push(`${name}: ${what}, ${record.state}`)
    if (ending === 'given up') report.warnings.push(`${name}: ${record.failure ?? 'given up'}`)
  } catch (error) {
    checkpoint(tools.signal)
    if (endsTheRun(error)) throw error
    report.warnings.push(`${name}: ${publicMessage(error)}`)
    // What keeps one of them waiting keeps the others.
    return isStrataError(error, 'TIER_BUSY')
  }
  return false
}

function isAskedFor({ record: { request, requestBy }, move }: DueMove): boolean {
  return requestBy === 'person' && (move === undefined || move === request)
}

async function moveOne(
  session: Session,
  {
    tools,
    table,
    next,
    by,
  }: {
    readonly tools: MoveTools
    readonly table: TieredTable
    readonly next: DueMove
    readonly by: 'policy' | 'person'
  },
): Promise<{ readonly ending: Ending; readonly record: TierPartition }> {
  const run = openRun(tools, { session, table, record: next.record })
  const asked = isAskedFor(next) ? 'person' : by
  await beginMove(run, { move: next.move, by: asked })
  const isPaused = async (): Promise<boolean> => asked === 'policy' && (await requireTier(session, table)).paused
  const ending = await runMove(run, isPaused)
  return { ending, record: run.record }
}

/** A person's move of one partition, to its end. What is under way already goes on where it is the same move. */
export async function movePartition(
  tools: MoveTools,
  { table, partition, move }: { readonly table: TieredTable; readonly partition: string; readonly move: Move },
): Promise<TierPartition> {
  await requireDirect(tools.db)
  return await workOn(tools, table, async (session) => {
    const tier = await requireTier(session, table)
    await settleHere(session, tier)
    const record = await findPartition(session, { table, partition, at: tools.at })
    const goesOn = record.request === move && !isResting(record.state) && record.state !== 'archived'
    const next = { record, move: goesOn ? undefined : move }
    const moved = await moveOne(session, { tools, table, next, by: 'person' })
    if (moved.ending === 'moved' || moved.ending === 'waiting') return moved.record
    throw new StrataError('TIER_FAILED', {
      message: `${nameOf(record)}: ${moved.record.failure ?? 'the move was given up'}`,
      details: { state: moved.record.state },
    })
  })
}

/** How long an abort waits for the one that works on the partition. */
const abortWaitMs = 60_000
const pollMs = 200

/** Takes a move back. Whoever works on it finds that the partition is not its own any more, behind its step. */
export async function abortPartition(
  tools: MoveTools,
  { table, partition }: { readonly table: TieredTable; readonly partition: string },
): Promise<TierPartition> {
  const tier = await requireTier(tools.db, table)
  const { id } = await findKnown(tools.db, { tier, partition })
  const taken = await takeOver(tools.db, id)
  const deadline = tools.clock.monotonic() + abortWaitMs
  for (;;) {
    try {
      return await workOn(tools, table, async (session) => {
        const run = openRun(tools, { session, table, record: await takeOver(session, id) })
        if (run.record.state !== 'aborting') run.record = await advance(session, run.record, 'abort')
        await runMove(run, async () => false)
        return run.record
      })
    } catch (error) {
      if (!isStrataError(error, 'TIER_BUSY')) throw error
      if (tools.clock.monotonic() >= deadline) throw stillAtWork(taken, error)
      await tools.clock.sleep(pollMs, tools.signal)
    }
  }
}

function stillAtWork(record: TierPartition, cause: StrataError): StrataError {
  return new StrataError('TIER_BUSY', {
    message: cause.message,
    advice: `It ends behind its step (${record.state}): run \`pgstrata tier abort\` again then.`,
    cause,
  })
}

async function workOn<T>(tools: MoveTools, table: TieredTable, work: (session: Session) => Promise<T>): Promise<T> {
  const { schema, table: name, key } = table.partitioned
  const parent = await readParent(tools.db, table.partitioned)
  if (parent === undefined) {
    throw new StrataError('TIER_STATE', {
      message: `${quoteQualified(schema, name)} is not there, or is not partitioned as declared`,
      advice: 'See `pgstrata plan`.',
    })
  }
  try {
    return await workOnTable(tools, { key, oid: parent.oid }, work)
  } catch (error) {
    if (!isStrataError(error, 'LOCK_BUSY')) throw error
    throw new StrataError('TIER_BUSY', { message: error.message, cause: error })
  }
}

async function requireTier(on: Queryable, { partitioned }: TieredTable): Promise<TierTable> {
  const tier = await findTierTable(on, partitioned)
  if (tier !== undefined) return tier
  throw new StrataError('TIER_STATE', {
    message: `${quoteQualified(partitioned.schema, partitioned.table)} has no tiers yet`,
    advice: 'Declare `warm` or `cold` for it, and run `pgstrata apply`.',
  })
}

async function findPartition(
  session: Session,
  { table, partition, at }: { readonly table: TieredTable; readonly partition: string; readonly at: Date | undefined },
): Promise<TierPartition> {
  const tier = await requireTier(session, table)
  // Those that came since the last run become known.
  await readMoves(session, table, { tier, at })
  return await findKnown(session, { tier, partition })
}

async function findKnown(
  on: Queryable,
  { tier, partition }: { readonly tier: TierTable; readonly partition: string },
): Promise<TierPartition> {
  const found = (await readTierPartitions(on, tier.id)).find(({ name }) => name === partition)
  if (found !== undefined) return found
  throw new StrataError('TIER_STATE', {
    message: `${quoteQualified(tier.schema, tier.table)} has no partition "${partition}"`,
    advice: 'See their names with `pgstrata tier status`.',
  })
}
