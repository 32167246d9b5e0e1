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
import { isStrataError, messageOf } from '../base/errors.ts'
import { plural } from '../base/units.ts'
import type { Session } from '../db/db.ts'
import type { Job } from '../db/job.ts'
import { requireDirect } from '../db/server-facts.ts'
import { buildLadder, type LadderOptions } from '../plan/index.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import { findLayoutRow, isSameRow, layoutRowOf, readLayoutRows, type LayoutRow } from './layout-rows.ts'
import type { PartitionedTable } from './options.ts'
import { planRetirement, type RetirementStep } from './retire-plan.ts'
import { readParent, readRetirement } from './retire-queries.ts'
import { Overtaken, runRetirementStep, type RetireTools } from './retire-steps.ts'
import { endsTheRun, workOnTable, type TableWorkOptions } from './table-work.ts'

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
  if (parent === undefined) return
  await workOnTable(options, { key: declared.key, oid: parent.oid }, (session) =>
    retireUnderLock(session, declared, options, findings),
  )
}

async function retireUnderLock(
  session: Session,
  declared: PartitionedTable,
  options: RetentionOptions,
  findings: Findings,
): Promise<void> {
  const { retain } = declared
  if (retain === undefined) return
  const { confirm = async () => {}, at } = options
  const failed = new Set<string>()
  for (let count = 0; count < looks; count++) {
    const state = await readRetirement(session, declared, at)
    if (state === undefined) return
    const plan = planRetirement(state, retain)
    const tools: RetireTools = {
      ...options,
      session,
      declared,
      parent: state.parent,
      ladder: buildLadder(options.ladder),
      confirm,
      at,
    }
    const steps = plan.steps.filter((step) => !failed.has(subjectOf(step)))
    if (count === 0) findings.warnings.push(...plan.warnings.map((warning) => `${declared.key}: ${warning}`))
    for (const step of steps) {
      checkpoint(options.signal)
      const failure = await tryStep(tools, step)
      if (failure === undefined) {
        const outcome = outcomes[step.kind]
        if (outcome !== undefined) findings[outcome].push(nameOf(step))
        if (step.kind === 'release')
          findings.warnings.push(`${declared.key}: ${nameOf(step)} is left alone: ${step.why}`)
        continue
      }
      failed.add(subjectOf(step))
      findings.warnings.push(`${declared.key}: ${nameOf(step)} ${failure.what}`)
      // Only one partition of a table can be half detached.
      if (failure.blocks) return
    }
    if (steps.length === 0 || plan.left > 0) return
  }
}

interface Failure {
  readonly what: string
  /** Nothing further can be taken out of this table now. */
  readonly blocks: boolean
}

async function tryStep(tools: RetireTools, step: RetirementStep): Promise<Failure | undefined> {
  try {
    await runRetirementStep(tools, step)
    return undefined
  } catch (error) {
    checkpoint(tools.signal)
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
    case sqlstate.dependentObjects:
      return { what: 'is not dropped: something depends on it (a view?). Drop that first', blocks: false }
    case sqlstate.undefinedTable:
      return { what: 'was renamed or dropped by somebody meanwhile', blocks: false }
    default:
      return { what: `could not be ${detaching ? 'taken out' : 'dropped'}: ${publicMessage(error)}`, blocks: detaching }
  }
}

/** A server's message of class 22 or 23 can quote a row. */
function publicMessage(error: unknown): string {
  const state = sqlstateOf(error)
  return state !== undefined && /^2[23]/.test(state) ? `SQLSTATE ${state}` : messageOf(error)
}

function nameOf(step: RetirementStep): string {
  return step.kind === 'detach' ? step.partition.name : step.record.name
}

function subjectOf(step: RetirementStep): string {
  return `${step.kind}:${step.kind === 'detach' ? step.partition.oid : step.record.oid}`
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
