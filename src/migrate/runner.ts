// Runs migrations, one runner at a time.
//
// Order of things: the connection is looked at and refused where it cannot carry structural work; the lock is taken
// on the session that does the work; only then are the records read, so that what a waiter sees is what is there
// when its turn comes; then one migration after the other. The first failure ends the run; what was done stays.

import type { Clock } from '../base/clock.ts'
import { checkpoint } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import { ensureInstalled } from '../catalog/install.ts'
import type { Db, Session } from '../db/db.ts'
import { buildLadder, doStructuralWork, type StructuralWork } from '../plan/index.ts'
import { leadingBatch, runBatch } from './batch.ts'
import { readBody, readMigrations } from './files.ts'
import type { MigrateOptions } from './options.ts'
import { planDown, planUp, type PlanDownOptions, type PlannedMigration, type PlanUpOptions } from './plan.ts'
import { readRecords } from './queries.ts'
import { runMigration, type MigrationEvent, type RunTools } from './run-migration.ts'

export interface RunnerTools {
  readonly db: Db
  readonly options: MigrateOptions
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: MigrationEvent) => void) | undefined
}

export interface RunReport {
  readonly ran: readonly { readonly name: string; readonly direction: 'up' | 'down' }[]
}

/** Looks at what is to be run, before the first statement; throws to stop the run (the lint gate does). */
export type Gate = (todo: readonly PlannedMigration[], session: Session) => Promise<void>

export async function runUp(tools: RunnerTools, options: PlanUpOptions, gate?: Gate): Promise<RunReport> {
  return await underLock(tools, async (session) => {
    const planned = planUp(await readInput(tools, session), options)
    await gate?.(planned, session)
    return planned
  })
}

export async function runDown(tools: RunnerTools, options: PlanDownOptions): Promise<RunReport> {
  return await underLock(tools, async (session) => planDown(await readInput(tools, session), options))
}

async function readInput(tools: RunnerTools, session: Session): Promise<Parameters<typeof planUp>[0]> {
  return { files: await readMigrations(tools.options.dir), records: await readRecords(session) }
}

async function underLock(
  tools: RunnerTools,
  plan: (session: Session) => Promise<readonly PlannedMigration[]>,
): Promise<RunReport> {
  const { db, options, clock, random, signal, onEvent } = tools
  const frame: StructuralWork = {
    db,
    purpose: 'migrations',
    ladder: options.ladder,
    waitMs: options.waitMs,
    clock,
    random,
    signal,
    onWait: (holder) => onEvent?.({ type: 'waiting', holder }),
  }
  return await doStructuralWork(frame, async (session, blockers) => {
    await ensureInstalled(session)
    const planned = await plan(session)
    // A file that does not parse stops the run before anything of it begins.
    for (const { file } of planned) if (file.kind === 'sql') await readBody(file)
    const ladder = buildLadder(options.ladder)
    const ran = await runAll(session, planned, { db, isLocked: true, ladder, clock, random, blockers, signal, onEvent })
    return { ran }
  })
}

async function runAll(
  session: Session,
  planned: readonly PlannedMigration[],
  tools: RunTools,
): Promise<{ name: string; direction: 'up' | 'down' }[]> {
  const ran: { name: string; direction: 'up' | 'down' }[] = []
  let made: ReadonlySet<string> = new Set()
  /** Migrations before this one were in a batch that failed, and are run one by one. */
  let oneByOne = 0
  while (ran.length < planned.length) {
    checkpoint(tools.signal)
    const batch = await leadingBatch(ran.length < oneByOne ? [] : planned.slice(ran.length), made)
    if (batch.migrations.length > 1) {
      if (await runBatch(session, batch, tools)) {
        ran.push(...batch.migrations.map(({ planned: { file, direction } }) => ({ name: file.name, direction })))
        made = batch.made
        continue
      }
      oneByOne = ran.length + batch.migrations.length
    }
    const next = planned[ran.length]
    if (next === undefined) break
    await runMigration(session, next, tools)
    ran.push({ name: next.file.name, direction: next.direction })
    // It may have renamed or dropped what we hold to be new.
    made = new Set()
  }
  return ran
}
