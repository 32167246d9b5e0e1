// Watches default partitions, and empties them: rows that belong to a period get that period's partition; the others stay,
// and are told. Where nothing lies in it, a default partition costs one look a run.
//
// How rows are moved, and what holds meanwhile, stands in drain-steps.ts. Bounds: 48 new tables a run; without a key, or with
// foreign keys, 5,000 rows. One table's failure does not stop the others.

import { checkpoint } from '../base/clock.ts'
import { isStrataError } from '../base/errors.ts'
import { plural } from '../base/units.ts'
import type { Job } from '../db/job.ts'
import { requireDirect } from '../db/server-facts.ts'
import { buildLadder, type LadderOptions } from '../plan/index.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import { Disturbed, type DrainTools } from './drain-copy.ts'
import { findObstacle, readHandedOn } from './drain-obstacles.ts'
import { readPieces } from './drain-pieces.ts'
import {
  countRows,
  readDrainSubject,
  readRanges,
  readStrayRows,
  type DrainSubject,
  type StrayRows,
} from './drain-queries.ts'
import { atOnceRows, clearRemains, drainAtOnce, drainOnline, TooManyNotes } from './drain-steps.ts'
import { findLayoutRow, readLayoutRows } from './layout-rows.ts'
import type { PartitionedTable } from './options.ts'
import { readIsConverting } from './readings.ts'
import { endsTheRun, publicMessage, workOnTable, type TableWorkOptions } from './table-work.ts'

export type DrainOptions = TableWorkOptions

export interface DrainReport {
  /** Partitions that were made. */
  readonly made: readonly string[]
  readonly rows: number
  readonly warnings: readonly string[]
}

const atOnceBytes = 64 * 1024 ** 2

export async function runDrain(tables: readonly PartitionedTable[], options: DrainOptions): Promise<DrainReport> {
  const report = { made: [] as string[], rows: 0, warnings: [] as string[] }
  const watched = tables.filter((table) => table.outside === 'default' && table.layout.kind !== 'hash')
  if (watched.length === 0) return report
  await requireDirect(options.db)
  const rows = await readLayoutRows(options.db)
  for (const table of watched) {
    checkpoint(options.signal)
    const applied = findLayoutRow(rows, table)
    if (applied?.outside !== 'default') continue
    try {
      const one = await drainOne(table, options)
      report.made.push(...one.made)
      report.rows += one.rows
      report.warnings.push(...one.warnings.map((warning) => `${table.key}: ${warning}`))
    } catch (error) {
      checkpoint(options.signal)
      if (endsTheRun(error)) throw error
      report.warnings.push(`${table.key}: ${describeFailure(error)}`)
    }
  }
  return report
}

const nothing: DrainReport = { made: [], rows: 0, warnings: [] }

async function drainOne(declared: PartitionedTable, options: DrainOptions): Promise<DrainReport> {
  const { db, clock, random, signal, confirm = async () => {}, onCommit } = options
  const subject = await db.withSession((session) => readDrainSubject(session, declared))
  if (subject === undefined || (await readIsConverting(db, declared))) return nothing
  const ladder = buildLadder(options.ladder)
  return await workOnTable(options, { key: declared.key, oid: subject.parentOid }, (session) =>
    drainUnderLock({ session, ladder, clock, random, signal, confirm, onCommit }, subject, options),
  )
}

async function drainUnderLock(tools: DrainTools, known: DrainSubject, options: DrainOptions): Promise<DrainReport> {
  const { session } = tools
  const { at } = options
  await clearRemains(tools, known)
  // Read behind the lock.
  const subject = await readDrainSubject(session, known.declared)
  if (subject === undefined) return nothing
  const { declared, from } = subject
  const count = await countRows(session, from, atOnceRows + 1)
  if (count === 0) return nothing
  const stray = await readStrayRows(session, subject, at)
  const warnings = describeStray(from.name, stray)
  const wanted = await readPieces(session, subject, stray)
  warnings.push(...wanted.warnings)
  if (wanted.pieces.length === 0) return { ...nothing, warnings }
  const isLarge = count > atOnceRows || from.sizeBytes > atOnceBytes
  const obstacle = await findObstacle(session, subject, { isLarge })
  if (obstacle !== undefined) return { ...nothing, warnings: [...warnings, obstacle] }
  const staging = {
    subject,
    pieces: wanted.pieces,
    ranges: await readRanges(session, subject.parentOid),
    brin: declared.brin,
    handedOn: await readHandedOn(session, subject),
  }
  if (isOnline(subject)) await drainOnline(tools, staging)
  else await drainAtOnce(tools, staging)
  return { made: wanted.pieces.map(({ name }) => name), rows: wanted.rows, warnings }
}

/** Rows are told by a key; and foreign keys would be checked, row by row, when the new partitions are attached. */
function isOnline({ keyColumns, hasForeignKeys }: DrainSubject): boolean {
  return keyColumns.length > 0 && !hasForeignKeys
}

function describeStray(name: string, { placeless, past, left }: StrayRows): string[] {
  return [
    ...(placeless === 0
      ? []
      : [
          `${plural(placeless, 'row')} of ${name} belong to no period (±infinity, or too far away): delete or mend them`,
        ]),
    ...(past === 0 ? [] : [`${plural(past, 'row')} of ${name} are older than what is kept: delete them`]),
    ...(left === 0 ? [] : [`${plural(left, 'period')} in ${name} are left for the next run`]),
  ]
}

function describeFailure(error: unknown): string {
  if (error instanceof Disturbed)
    return 'its default partition was truncated, rewritten or exchanged meanwhile; the next run begins again'
  if (error instanceof TooManyNotes)
    return 'too much is written into its default partition just now; the next run tries again'
  if (isStrataError(error, 'LOCK_BUSY')) return 'another process works on its partitions'
  switch (sqlstateOf(error)) {
    case sqlstate.lockNotAvailable:
    case sqlstate.deadlockDetected:
      return 'a long transaction, or somebody who works on the table, stands in the way; the next run tries again'
    case sqlstate.queryCanceled:
      return 'moving its rows would keep everybody waiting for more than seconds: they have to be moved by hand'
    case sqlstate.foreignKeyViolation:
      return 'rows of another table refer to rows in its default partition, which keeps them there'
    case sqlstate.dependentObjects:
      return 'something depends on its default partition (a view?): drop that first'
    default:
      return publicMessage(error)
  }
}

export interface DrainJobOptions {
  readonly tables: readonly PartitionedTable[]
  readonly ladder: LadderOptions
}

export function drainJob({ tables, ladder }: DrainJobOptions): Job {
  return {
    name: 'drain',
    purpose: 'moves rows out of default partitions into partitions of their periods',
    schedule: { everyMs: 5 * 60_000 },
    timeoutMs: 6 * 3_600_000,
    overlap: 'skip',
    run: async (context) => {
      const { made, rows, warnings } = await runDrain(tables, { ...context, ladder })
      const did = made.length === 0 ? '' : `${plural(rows, 'row')} moved into ${plural(made.length, 'new partition')}`
      return { did, details: { made, rows }, warnings }
    },
  }
}
