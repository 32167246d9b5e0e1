// Carries out a plan.
//
// Invariants: one apply at a time, held apart by an advisory lock on the session that works; every step is in the
// journal before its first statement, and marked done together with its last; a step that an earlier apply left
// unfinished is finished first, from where it stopped, with the statements it had then (or planned anew, where its feature
// plans from what is there); an object that somebody changed by hand is not touched until a person accepted or overwrote the change.
// On failure: the error names the step; nothing is half-done that the next apply does not finish.

import { randomUUID } from 'node:crypto'
import { checkpoint, type Clock } from '../base/clock.ts'
import { isStrataError, StrataError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { ensureInstalled } from '../catalog/install.ts'
import type { Db, Session } from '../db/db.ts'
import { parseSql } from '../sql/parse.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import type { BlockerWatch } from './blockers.ts'
import { classify } from './classify.ts'
import { joint } from './joint.ts'
import { buildLadder, type LadderOptions } from './ladder.ts'
import type { Drift, Plan } from './plan.ts'
import {
  forgetJournalEntry,
  forgetObject,
  journalIntent,
  journalProgress,
  openJournalEntry,
  type JournalEntry,
} from './queries.ts'
import { readPlan, type Reading } from './read-plan.ts'
import { recordChanged, recordManaged } from './record.ts'
import type { Busy } from './script-run.ts'
import { runScript } from './script.ts'
import { resetText } from './session.ts'
import { explainFailure } from './statement-failure.ts'
import { doStructuralWork, type StructuralWork } from './structural-work.ts'
import type { Contribution, Step } from './step.ts'

export interface ApplyOptions {
  readonly db: Db
  /** Read again under the lock, and again after each step that was left unfinished. */
  readonly contribute: (session: Session) => Promise<readonly Contribution[]>
  readonly ladder: LadderOptions
  readonly waitMs: number
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  /** Drifted objects whose change is taken as it is. */
  readonly accept?: readonly string[] | undefined
  /** Drifted objects whose change is undone. */
  readonly overwrite?: readonly string[] | undefined
  readonly onEvent?: ((event: ApplyEvent) => void) | undefined
}

export type ApplyEvent =
  | { readonly type: 'waiting'; readonly holder: string }
  | { readonly type: 'resumed'; readonly title: string; readonly statementsDone: number }
  | { readonly type: 'started'; readonly step: Step; readonly number: number; readonly of: number }
  | { readonly type: 'busy'; readonly title: string; readonly busy: Busy }
  | { readonly type: 'done'; readonly title: string }

export interface ApplyReport {
  readonly applied: readonly { readonly id: string; readonly title: string }[]
  readonly accepted: readonly string[]
  readonly overwritten: readonly string[]
}

export async function applyPlan(options: ApplyOptions): Promise<ApplyReport> {
  const { onEvent } = options
  const frame: StructuralWork = {
    ...options,
    purpose: 'apply',
    onWait: (holder) => onEvent?.({ type: 'waiting', holder }),
  }
  return await doStructuralWork(frame, (session, blockers) => applyUnderLock(session, options, blockers))
}

async function applyUnderLock(session: Session, options: ApplyOptions, blockers: BlockerWatch): Promise<ApplyReport> {
  const installed = await ensureInstalled(session)
  const applied = installed.map((version) => ({ id: `catalog:v${version.version}`, title: version.title }))
  let contributions = await options.contribute(session)
  let plan = await readPlan(session, contributions)
  for (const entry of plan.replanned) await forgetJournalEntry(session, entry.id)
  for (const entry of plan.unfinished) {
    if (entry.statementsDone === 0 && entry.inFlight === undefined) {
      // Nothing of it took effect: if it is still wanted, it is in the new plan.
      await forgetJournalEntry(session, entry.id)
      continue
    }
    options.onEvent?.({ type: 'resumed', title: entry.title, statementsDone: entry.statementsDone })
    await runEntry(session, entry, options, blockers)
    applied.push({ id: entry.id, title: entry.title })
  }
  if (plan.unfinished.length > 0) {
    contributions = await options.contribute(session)
    plan = await readPlan(session, contributions)
  }
  const settled = await settleDrift(session, plan, contributions, options, blockers)
  let done = await runSteps(session, { contributions, plan }, options, blockers)
  applied.push(...done.applied)
  let seen: Reading | undefined
  for (let round = 1; round < mostRounds && done.applied.length > 0; round++) {
    seen = await readAgain(session, options)
    if (!isMore(seen)) break
    done = await runSteps(session, seen, options, blockers)
    applied.push(...done.applied)
    seen = undefined
  }
  // What was read last is how things were left, unless something was done since.
  const changed = applied.length + settled.accepted.length + settled.overwritten.length > 0
  const left = seen ?? done
  const isCurrent = seen !== undefined || !changed
  await recordManaged(session, left.contributions, left.plan, { changed, isCurrent, keep: settled.keep })
  return { applied, accepted: settled.accepted, overwritten: settled.overwritten }
}

/** The first, what its steps made room for, and what those did: views that read each other, and all changed, take one each. */
const mostRounds = 10

async function readAgain(session: Session, options: ApplyOptions): Promise<Reading> {
  const contributions = await options.contribute(session)
  return { contributions, plan: await readPlan(session, contributions) }
}

/** Partitions that a step made are to be watched by another feature, which could not know of them before. */
function isMore({ contributions, plan }: Reading): boolean {
  const replanning = new Set(contributions.filter(({ replans }) => replans === true).map(({ feature }) => feature))
  return plan.steps.length > 0 && plan.steps.every(({ feature }) => replanning.has(feature))
}

/** How often a step may turn out to have been done by somebody else. */
const mostReplans = 5

/**
 * A step that fails because somebody else did it meanwhile (a job that makes partitions) is no failure: read anew, the plan
 * does not have it any more, and the rest of that is carried out.
 */
async function runSteps(
  session: Session,
  { contributions, plan }: Reading,
  options: ApplyOptions,
  blockers: BlockerWatch,
): Promise<Reading & { readonly applied: readonly { readonly id: string; readonly title: string }[] }> {
  const applied: { id: string; title: string }[] = []
  let reading: Reading = { contributions, plan }
  let replansLeft = mostReplans
  for (let index = 0; index < reading.plan.steps.length; index++) {
    const step = reading.plan.steps[index]
    if (step === undefined) break
    checkpoint(options.signal)
    options.onEvent?.({ type: 'started', step, number: index + 1, of: reading.plan.steps.length })
    const entry = { ...step, id: `${step.id}:${randomUUID()}`, statementsDone: 0, inFlight: undefined }
    await openJournalEntry(session, entry)
    try {
      await runEntry(session, entry, options, blockers)
    } catch (error) {
      const mayBeThere = isThereAlready(error) && replansLeft-- > 0
      const again = mayBeThere ? await readWithout(session, step, options) : undefined
      if (again === undefined) throw error
      await forgetJournalEntry(session, entry.id)
      reading = again
      index = -1
      continue
    }
    // At once: what we changed ourselves would be drift, if a later step failed.
    if (step.changes !== undefined) await recordChanged(session, reading.contributions, step.changes)
    applied.push({ id: step.id, title: step.title })
  }
  return { ...reading, applied }
}

function isThereAlready(error: unknown): boolean {
  const code = isStrataError(error) ? sqlstateOf(error.cause) : undefined
  return (
    code === sqlstate.duplicateTable || code === sqlstate.uniqueViolation || code === sqlstate.invalidObjectDefinition
  )
}

/** The plan as it is now; undefined if it still has the step, or may not go without. */
async function readWithout(session: Session, step: Step, options: ApplyOptions): Promise<Reading | undefined> {
  try {
    const contributions = await options.contribute(session)
    if (!contributions.some(({ feature, replans }) => feature === step.feature && replans === true)) return undefined
    const plan = await readPlan(session, contributions)
    return plan.steps.some(({ id }) => id === step.id) ? undefined : { contributions, plan }
  } catch {
    // What failed first says more.
    return undefined
  }
}

async function runEntry(
  session: Session,
  entry: JournalEntry,
  options: ApplyOptions,
  blockers: BlockerWatch,
): Promise<void> {
  const { clock, random, signal } = options
  const statements = await parseSql(entry.statements.join(joint), { name: entry.title })
  const script = await Promise.all(
    statements.map(async (statement) => ({ statement, placement: await classify(statement) })),
  )
  try {
    await runScript({
      session,
      script,
      state: { done: entry.statementsDone, inFlight: entry.inFlight },
      store: {
        progress: (done, finished) => journalProgress(entry.id, done, finished),
        intent: (done, before) => journalIntent(entry.id, done, before),
      },
      epilogue: resetText(session),
      ladder: buildLadder(options.ladder),
      clock,
      random,
      signal,
      onBusy: (busy) => options.onEvent?.({ type: 'busy', title: entry.title, busy }),
    })
    options.onEvent?.({ type: 'done', title: entry.title })
  } catch (error) {
    checkpoint(signal)
    throw explainFailure(error, { code: 'APPLY_FAILED', name: entry.title, blockers: blockers.seen() })
  }
}

interface Settled {
  readonly accepted: readonly string[]
  readonly overwritten: readonly string[]
  /** Changed by hand and undecided: their record stays as it was. */
  readonly keep: ReadonlySet<string>
}

async function settleDrift(
  session: Session,
  plan: Plan,
  contributions: readonly Contribution[],
  options: ApplyOptions,
  blockers: BlockerWatch,
): Promise<Settled> {
  const accepted = choose(plan.drift, options.accept ?? [])
  const overwritten = choose(plan.drift, options.overwrite ?? [])
  const decided = new Set([...accepted, ...overwritten].map((drift) => drift.identity))
  const open = plan.drift.filter((drift) => drift.kind === 'changed' && !decided.has(drift.identity))
  const holding = open.filter((drift) => drift.holds.length > 0)
  if (holding.length > 0) throw drifted(holding)
  for (const drift of accepted.filter((item) => item.kind === 'missing')) await forgetObject(session, drift.identity)
  for (const drift of overwritten) {
    const restore = contributions
      .flatMap(({ manages }) => manages)
      .find((object) => object.identity === drift.identity)?.restore
    if (restore === undefined) throw cannotRestore(drift)
    const title = `restore ${drift.identity}`
    const entry = {
      id: `${title}:${randomUUID()}`,
      feature: drift.feature,
      title,
      statements: restore,
      statementsDone: 0,
      inFlight: undefined,
    }
    await openJournalEntry(session, entry)
    await runEntry(session, entry, options, blockers)
  }
  return {
    accepted: accepted.map((drift) => drift.identity),
    overwritten: overwritten.map((drift) => drift.identity),
    keep: new Set(open.map((drift) => drift.identity)),
  }
}

function choose(drift: readonly Drift[], identities: readonly string[]): readonly Drift[] {
  return identities.map((identity) => {
    const found = drift.find((item) => item.identity === identity)
    if (found !== undefined) return found
    throw new StrataError('USAGE', {
      message: `${JSON.stringify(identity)} has not drifted`,
      expected:
        drift.length === 0 ? 'nothing: no object has drifted' : drift.map((item) => `"${item.identity}"`).join(' or '),
      advice: 'See `pgstrata plan`.',
    })
  })
}

function drifted(drift: readonly Drift[]): StrataError {
  return new StrataError('PLAN_DRIFT', {
    message: `Changed by hand, and a step would touch it: ${drift.map((item) => item.identity).join(', ')}`,
    notes: drift.flatMap((item) => [`${item.identity}:`, ...item.diff]),
    details: { identities: drift.map((item) => item.identity) },
  })
}

function cannotRestore(drift: Drift): StrataError {
  return new StrataError('PLAN_DRIFT', {
    message: `${drift.identity} cannot be put back without a risk for what it holds`,
    notes: drift.diff,
    advice: 'Undo the change by hand (the difference shows it), or take it as it is with --accept.',
  })
}
