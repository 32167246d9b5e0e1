// The job that makes partitions before they are needed.
//
// What holds: each partition is a transaction of its own, under the lock ladder and under the job's lease, so a run killed
// at any moment leaves whole partitions only, and the next makes the rest; a table that cannot be seen to is told and does
// not stop the others. Beside pgstrata.maintain(), or a conversion, on the same table, it steps back.

import { checkpoint } from '../base/clock.ts'
import { isStrataError, messageOf } from '../base/errors.ts'
import { plural } from '../base/units.ts'
import type { Session } from '../db/db.ts'
import type { Job, JobContext, JobOutcome } from '../db/job.ts'
import { buildLadder, climb, type LadderOptions } from '../plan/index.ts'
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
  await context.db.withSession(async (session) => {
    const rows = await readLayoutRows(session)
    for (const declared of options.tables) {
      checkpoint(context.signal)
      try {
        const seen = await seeTo(session, { context, ladder: options.ladder, declared, rows })
        made.push(...seen.made)
        warnings.push(...seen.warnings)
      } catch (error) {
        checkpoint(context.signal)
        if (isStrataError(error, 'LEASE_LOST')) throw error
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
  if (sqlstateOf(error) === sqlstate.lockNotAvailable) return 'its lock was not to be had; the next run tries again'
  return messageOf(error)
}

interface Errand {
  readonly context: JobContext
  readonly ladder: LadderOptions
  readonly declared: PartitionedTable
  readonly rows: readonly LayoutRow[]
}

async function seeTo(
  session: Session,
  errand: Errand,
): Promise<{ readonly made: readonly string[]; readonly warnings: readonly string[] }> {
  const { declared, rows } = errand
  const row = findLayoutRow(rows, declared)
  // What is not applied is the plan's, which a person reads first.
  if (row === undefined) return { made: [], warnings: [] }
  const reading = await readTableState(session, declared, { readBound: undefined, rows })
  const { state } = reading
  if (reading.isConverting) return { made: [], warnings: [] }
  const obstacle =
    findObstacle(declared, state) ?? findUnreadable(reading) ?? findHashDifference(declared, reading.partitions)
  if (obstacle !== undefined || state?.kind !== 'partitioned') {
    const why = obstacle?.why ?? 'it is not partitioned any more'
    return { made: [], warnings: [`${describeTable(declared)}: ${why} (see pgstrata plan)`] }
  }
  const template = templateFor(subjectOf(reading, state))
  const made: string[] = []
  const stuck = findImpossible(reading)
  const wanted = stuck?.code === 'PARTITION_LIMIT' ? [] : newPartitions(reading)
  const taken = new Set(reading.missing.filter((one) => one.taken).map(({ name }) => name))
  for (const partition of wanted.filter(({ name }) => !taken.has(name))) {
    checkpoint(errand.context.signal)
    if (await makeOne(session, errand, { parent: state.oid, template, partition })) {
      made.push(`${declared.schema}.${partition.name}`)
    }
  }
  return { made, warnings: warningsOf(reading, stuck) }
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

/** In the catalog's index where both are at it at once; by its bounds, where it has another name. */
const madeMeanwhile: ReadonlySet<string> = new Set([
  sqlstate.duplicateTable,
  sqlstate.uniqueViolation,
  sqlstate.invalidObjectDefinition,
])

/** False: somebody else is at it. */
async function makeOne(session: Session, { context, ladder }: Errand, making: Making): Promise<boolean> {
  const { clock, random, signal } = context
  let made = false
  const attempt = async (lockTimeoutMs: number): Promise<void> => {
    made = false
    await session.query(sql.raw(`begin; set local lock_timeout = '${lockTimeoutMs}ms'`))
    const { rows } = await session.query<{ taken: boolean }>(
      sql`select pg_try_advisory_xact_lock(${sql.raw(tableLockArguments(String(making.parent)))}) as taken`,
    )
    if (rows[0]?.taken === true) {
      await context.confirm(session)
      for (const statement of fillTemplate(making.template, making.partition)) await session.query(sql.raw(statement))
      made = true
    }
    await session.query(sql`commit`)
  }
  try {
    await climb({ session, ladder: buildLadder(ladder), clock, random, signal }, attempt)
    return made
  } catch (error) {
    // Made by somebody else since we looked.
    if (madeMeanwhile.has(sqlstateOf(error) ?? '')) return false
    throw error
  }
}
