// The job that makes partitions before they are needed.
//
// What holds: each partition is a transaction of its own, under the lock ladder and under the job's lease, so a run killed
// at any moment leaves whole partitions only, and the next makes the rest; a table that cannot be seen to is told and does
// not stop the others. Beside pgstrata.maintain(), or a conversion, on the same table, it steps back.

import { checkpoint } from '../base/clock.ts'
import { plural } from '../base/units.ts'
import type { Session } from '../db/db.ts'
import type { Job, JobContext, JobOutcome } from '../db/job.ts'
import { buildLadder, climb, isRace, withWorkSession, type LadderOptions } from '../plan/index.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import { sql } from '../sql/sql.ts'
import { describeTable, findHashDifference, findObstacle, type Obstacle } from './fit.ts'
import { findLayoutRow, readLayoutRows, type LayoutRow } from './layout-rows.ts'
import type { PartitionedTable } from './options.ts'
import {
  findImpossible,
  findUnreadable,
  newPartitions,
  subjectOf,
  type NewPartition,
  type TableReading,
} from './plan.ts'
import { readTableState } from './readings.ts'
import { tableLockArguments } from './table-lock.ts'
import { endsTheRun, publicMessage } from './table-work.ts'
import { fillTemplate, templateFor } from './template.ts'

export interface PartitionJobOptions {
  readonly tables: readonly PartitionedTable[]
  readonly ladder: LadderOptions
}

const everyMs = 5 * 60_000

export function partitionsJob({ tables, ladder }: PartitionJobOptions): Job {
  return {
    name: 'partitions',
    purpose: 'makes partitions ahead of time, and those that are missing',
    schedule: { everyMs },
    timeoutMs: 15 * 60_000,
    overlap: 'skip',
    run: (context) => makeMissing(context, { tables, ladder }),
  }
}

async function makeMissing(context: JobContext, options: PartitionJobOptions): Promise<JobOutcome> {
  const made: string[] = []
  const warnings: string[] = []
  // One partition is made to its end even where the signal fires meanwhile; who waits too long is cancelled by the runner.
  await withWorkSession({ db: context.db }, async (session) => {
    const rows = await readLayoutRows(session)
    for (const declared of options.tables) {
      checkpoint(context.signal)
      try {
        await seeTo(session, { context, ladder: options.ladder, declared, rows, made, warnings })
      } catch (error) {
        checkpoint(context.signal)
        if (endsTheRun(error)) throw error
        warnings.push(`${describeTable(declared)}: ${describeFailure(error)}`)
      }
    }
  })
  return {
    did: made.length === 0 ? '' : `${plural(made.length, 'partition')} made`,
    details: { made },
    warnings,
  }
}

/** Never the detail of the server's message: it may show a row. */
function describeFailure(error: unknown): string {
  if (isRace(error)) return 'its lock was not to be had; the next run tries again'
  return publicMessage(error)
}

interface Errand {
  readonly context: JobContext
  readonly ladder: LadderOptions
  readonly declared: PartitionedTable
  readonly rows: readonly LayoutRow[]
  /** Added to as it goes on, so that what was made is told even where the rest fails. */
  readonly made: string[]
  readonly warnings: string[]
}

async function seeTo(session: Session, errand: Errand): Promise<void> {
  const { declared, rows, made, warnings } = errand
  const row = findLayoutRow(rows, declared)
  // What is not applied is the plan's, which a person reads first.
  if (row === undefined) return
  const reading = await readTableState(session, declared, { readBound: undefined, rows })
  const { state } = reading
  if (reading.isConverting) return
  const obstacle =
    findObstacle(declared, state) ?? findUnreadable(reading) ?? findHashDifference(declared, reading.partitions)
  if (obstacle !== undefined || state?.kind !== 'partitioned') {
    const why = obstacle?.why ?? 'it is not partitioned any more'
    warnings.push(`${describeTable(declared)}: ${why} (see pgstrata plan)`)
    return
  }
  const template = templateFor(subjectOf(reading, state))
  const stuck = findImpossible(reading)
  const wanted = stuck?.code === 'PARTITION_LIMIT' ? [] : newPartitions(reading)
  const taken = new Set(reading.missing.filter((one) => one.taken).map(({ name }) => name))
  warnings.push(...warningsOf(reading, stuck))
  const inTheWay: string[] = []
  for (const partition of wanted.filter(({ name }) => !taken.has(name))) {
    checkpoint(errand.context.signal)
    const failure = await makeOne(session, errand, { parent: state.oid, template, partition })
    if (failure === 'busy') {
      warnings.push(`${describeTable(declared)}: another session works on its partitions; the next run goes on`)
      return
    }
    if (failure === undefined) made.push(`${declared.schema}.${partition.name}`)
    else inTheWay.push(failure)
  }
  if (inTheWay.length === 0) return
  // Those that somebody else made since we looked are not missing any more.
  const { missing } = await readTableState(session, declared, { readBound: undefined, rows })
  if (missing.some(({ name }) => wanted.some((one) => one.name === name)))
    warnings.push(`${describeTable(declared)}: ${inTheWay[0] ?? ''}`)
}

function warningsOf({ declared, inDefault }: TableReading, stuck: Obstacle | undefined): readonly string[] {
  const what = describeTable(declared)
  const periods = plural(inDefault.size, 'missing period')
  return [
    ...(stuck === undefined ? [] : [`${what}: ${stuck.why} (see pgstrata plan)`]),
    ...(inDefault.size === 0 ? [] : [`${what}: rows of ${periods} are in its default partition`]),
  ]
}

interface Making {
  readonly parent: number
  readonly template: readonly string[]
  readonly partition: NewPartition
}

/** In the catalog's index where both are at it at once; by its bounds, where it has another name. Or a template that fails. */
const perhapsMade: ReadonlySet<string> = new Set([
  sqlstate.duplicateTable,
  sqlstate.uniqueViolation,
  sqlstate.invalidObjectDefinition,
])

/** Undefined: made. 'busy': somebody else is at the table. Else what the server said of something that is in the way. */
async function makeOne(
  session: Session,
  { context, ladder }: Errand,
  { parent, template, partition }: Making,
): Promise<string | undefined> {
  const { clock, random, signal } = context
  let busy = false
  const attempt = async (lockTimeoutMs: number): Promise<void> => {
    await session.query(sql.raw(`begin; set local lock_timeout = '${lockTimeoutMs}ms'`))
    const { rows } = await session.query<{ taken: boolean }>(
      sql`select pg_try_advisory_xact_lock(${sql.raw(tableLockArguments(String(parent)))}) as taken`,
    )
    busy = rows[0]?.taken !== true
    if (!busy) {
      await context.confirm(session)
      for (const statement of fillTemplate(template, partition)) await session.query(sql.raw(statement))
    }
    await session.query(sql`commit`)
  }
  try {
    await climb({ session, ladder: buildLadder(ladder), clock, random, signal }, attempt)
    return busy ? 'busy' : undefined
  } catch (error) {
    if (perhapsMade.has(sqlstateOf(error) ?? '')) return publicMessage(error)
    throw error
  }
}
