// Retention: takes partitions out of their tables when their time is over, and drops them (or hands them over) when the
// grace after that is over, too.
//
//   attached ──noted──▶ detaching ──▶ detached ──grace──▶ [archive hook ▶ archived] ──▶ dropped | kept
//        ▲                                │
//        └── attached again, renamed … ───┴──▶ released: never touched again
//
// What must be true stands in retire-plan.ts (what is done) and retire-steps.ts (how). One table's failure, one
// partition's failure, does not stop the others: it is a warning, and the next run tries again. A lost connection, a lost
// lease and the end of the time of the job end the run; nothing is half-done that the next run does not put right.

import { checkpoint } from '../base/clock.ts'
import { isStrataError } from '../base/errors.ts'
import { plural } from '../base/units.ts'
import type { Session } from '../db/db.ts'
import type { Job } from '../db/job.ts'
import { requireDirect } from '../db/server-facts.ts'
import { buildLadder, type LadderOptions } from '../plan/index.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import { findLayoutRow, isSameRow, layoutRowOf, readLayoutRows, type LayoutRow } from './layout-rows.ts'
import type { PartitionedTable } from './options.ts'
import { readIsConverting } from './readings.ts'
import { planRetirement, type RetirementStep } from './retire-plan.ts'
import { readParent, readRetirement } from './retire-queries.ts'
import { archivePartition, Overtaken, runRetirementStep, type RetireTools } from './retire-steps.ts'
import { endsTheRun, publicMessage, workOnTable, type TableWorkOptions } from './table-work.ts'

export type RetentionOptions = TableWorkOptions

export interface RetentionReport {
  readonly detached: readonly string[]
  readonly archived: readonly string[]
  readonly dropped: readonly string[]
  readonly kept: readonly string[]
  readonly released: readonly string[]
  readonly warnings: readonly string[]
}

type Outcome = keyof Omit<RetentionReport, 'warnings'>

const outcomes: Readonly<Partial<Record<RetirementStep['kind'], Outcome>>> = {
  detach: 'detached',
  finalize: 'detached',
  'note-detached': 'detached',
  archive: 'archived',
  drop: 'dropped',
  keep: 'kept',
  release: 'released',
}

type Findings = { readonly [name in keyof RetentionReport]: string[] }

/** What is archived is dropped by the next look; with no grace, what is detached is archived by it. */
const looks = 3

export async function runRetention(
  tables: readonly PartitionedTable[],
  options: RetentionOptions,
): Promise<RetentionReport> {
  const findings: Findings = { detached: [], archived: [], dropped: [], kept: [], released: [], warnings: [] }
  const retained = tables.filter((table) => table.retain !== undefined && table.layout.kind !== 'hash')
  if (retained.length === 0) return findings
  await requireDirect(options.db)
  const rows = await readLayoutRows(options.db)
  for (const table of retained) {
    checkpoint(options.signal)
    const applied = findLayoutRow(rows, table)
    // What is declared and not applied has not been read by anybody yet.
    if (applied === undefined) continue
    if (!isSameRetention(applied, table)) {
      findings.warnings.push(`${table.key}: its retention was changed, and is not applied yet: run \`pgstrata apply\``)
      continue
    }
    try {
      await retireOne(table, options, findings)
    } catch (error) {
      if (endsTheRun(error)) throw error
      findings.warnings.push(
        isStrataError(error, 'LOCK_BUSY')
          ? `${table.key}: another process works on its partitions`
          : `${table.key}: ${publicMessage(error)}`,
      )
    }
  }
  return findings
}

function isSameRetention(applied: LayoutRow, table: PartitionedTable): boolean {
  const { kind, column_name, zone, retain } = layoutRowOf(table, applied.make)
  return isSameRow(applied, { ...applied, kind, column_name, zone, retain })
}

async function retireOne(declared: PartitionedTable, options: RetentionOptions, findings: Findings): Promise<void> {
  const parent = await readParent(options.db, declared)
  if (parent === undefined || (await readIsConverting(options.db, declared))) return
  const failed = new Set<string>()
  for (let count = 0; count < looks; count++) {
    const look = { declared, options, findings, failed, isFirst: count === 0 }
    const seen = await workOnTable(options, { key: declared.key, oid: parent.oid }, (session) =>
      retireUnderLock(session, look),
    )
    // Nobody is kept from the table meanwhile.
    const { confirm = async () => {} } = options
    for (const step of seen.archives) {
      checkpoint(options.signal)
      await tellStep(look, step, () => archivePartition({ ...options, declared, confirm, at: options.at }, step.record))
    }
    if (seen.isOver && seen.archives.length === 0) return
  }
}

interface Look {
  readonly declared: PartitionedTable
  readonly options: RetentionOptions
  readonly findings: Findings
  /** What failed is not tried again in the same run. */
  readonly failed: Set<string>
  readonly isFirst: boolean
}

type ArchiveStep = Extract<RetirementStep, { kind: 'archive' }>

interface Seen {
  /** What waits for its hook. */
  readonly archives: readonly ArchiveStep[]
  /** There is nothing more to be done now. */
  readonly isOver: boolean
}

async function retireUnderLock(session: Session, look: Look): Promise<Seen> {
  const { declared, options, findings, failed, isFirst } = look
  const { retain } = declared
  const { confirm = async () => {}, at } = options
  const state = retain === undefined ? undefined : await readRetirement(session, declared, at)
  if (retain === undefined || state === undefined) return { archives: [], isOver: true }
  const plan = planRetirement(state, retain)
  if (isFirst) findings.warnings.push(...plan.warnings.map((warning) => `${declared.key}: ${warning}`))
  const ladder = buildLadder(options.ladder)
  const tools: RetireTools = { ...options, session, declared, parent: state.parent, ladder, confirm, at }
  // To ask once is enough.
  const steps = plan.steps.filter((step) => !failed.has(subjectOf(step)) && (isFirst || step.kind !== 'unpack'))
  const archives = steps.filter((step) => step.kind === 'archive')
  for (const step of steps) {
    if (step.kind === 'archive') continue
    checkpoint(options.signal)
    const isBlocked = await tellStep(look, step, () => runRetirementStep(tools, step))
    // Only one partition of a table can be half detached.
    if (isBlocked) return { archives, isOver: true }
  }
  return { archives, isOver: steps.length === 0 || plan.left > 0 }
}

/** Whether nothing further can be taken out of this table now. */
async function tellStep(
  { declared, findings, failed, options }: Look,
  step: RetirementStep,
  work: () => Promise<void>,
): Promise<boolean> {
  const failure = await tryStep(step, work, options.signal)
  if (failure === undefined) {
    const outcome = outcomes[step.kind]
    if (outcome !== undefined) findings[outcome].push(nameOf(step))
    if (step.kind === 'unpack')
      findings.warnings.push(`${declared.key}: ${nameOf(step)} is packed: it is unpacked first`)
    if (step.kind === 'release') findings.warnings.push(`${declared.key}: ${nameOf(step)} is left alone: ${step.why}`)
    return false
  }
  failed.add(subjectOf(step))
  findings.warnings.push(`${declared.key}: ${nameOf(step)} ${failure.what}`)
  return failure.blocks
}

interface Failure {
  readonly what: string
  /** Nothing further can be taken out of this table now. */
  readonly blocks: boolean
}

async function tryStep(
  step: RetirementStep,
  work: () => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<Failure | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    checkpoint(signal)
    if (endsTheRun(error)) throw error
    return describeFailure(step, error)
  }
}

function describeFailure(step: RetirementStep, error: unknown): Failure {
  const detaching = step.kind === 'detach' || step.kind === 'finalize'
  if (error instanceof Overtaken)
    return { what: 'was changed by somebody meanwhile, and is left for now', blocks: false }
  if (step.kind === 'archive') {
    return { what: `was not archived, and stays: the archive hook failed (${publicMessage(error)})`, blocks: false }
  }
  switch (sqlstateOf(error)) {
    case sqlstate.foreignKeyViolation:
      return {
        what: 'stays: rows of another table still refer to it. Delete those rows, or drop the foreign key',
        blocks: false,
      }
    case sqlstate.lockNotAvailable:
    case sqlstate.deadlockDetected:
      return {
        what: detaching
          ? 'was not taken out to the end: a long transaction holds its table. The next run goes on with it'
          : 'was not dropped: somebody uses it. The next run tries again',
        blocks: detaching,
      }
    case sqlstate.queryCanceled:
      return { what: 'was not taken out: that would have kept everybody waiting for more than seconds', blocks: false }
    case sqlstate.dependentObjects:
      return { what: 'is not dropped: something depends on it (a view?). Drop that first', blocks: false }
    case sqlstate.undefinedTable:
      return { what: 'was renamed or dropped by somebody meanwhile', blocks: false }
    default:
      return { what: `could not be ${detaching ? 'taken out' : 'dropped'}: ${publicMessage(error)}`, blocks: detaching }
  }
}

function nameOf(step: RetirementStep): string {
  return 'partition' in step ? step.partition.name : step.record.name
}

function subjectOf(step: RetirementStep): string {
  return `${step.kind}:${'partition' in step ? step.partition.oid : step.record.oid}`
}

export interface RetentionJobOptions {
  readonly tables: readonly PartitionedTable[]
  readonly ladder: LadderOptions
}

const hourMs = 3_600_000

export function retentionJob({ tables, ladder }: RetentionJobOptions): Job {
  return {
    name: 'retention',
    purpose: 'takes out partitions whose time is over, and drops them after their grace',
    schedule: { everyMs: hourMs },
    timeoutMs: hourMs,
    overlap: 'skip',
    run: async (context) => {
      const { warnings, ...done } = await runRetention(tables, { ...context, ladder })
      return { did: describeRetention(done), details: done, warnings }
    },
  }
}

function describeRetention(done: Omit<RetentionReport, 'warnings'>): string {
  const words: readonly [Outcome, string][] = [
    ['detached', 'taken out'],
    ['archived', 'archived'],
    ['dropped', 'dropped'],
    ['kept', 'kept as a table'],
    ['released', 'left to others'],
  ]
  return words
    .flatMap(([outcome, word]) =>
      done[outcome].length === 0 ? [] : [`${plural(done[outcome].length, 'partition')} ${word}`],
    )
    .join(', ')
}
