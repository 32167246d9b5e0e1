// Carries out a plan.
//
// Invariants: one apply at a time, held apart by an advisory lock on the session that works; every step is in the
// journal before its first statement, and marked done together with its last; a step that an earlier apply left
// unfinished is finished first, from where it stopped, with the statements it had then; an object that somebody
// changed by hand is not touched until a person accepted or overwrote the change.
// On failure: the error names the step; nothing is half-done that the next apply does not finish.

import { randomUUID } from 'node:crypto'
import { checkpoint, type Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { ensureInstalled } from '../catalog/install.ts'
import type { Db, Session } from '../db/db.ts'
import { parseSql } from '../sql/parse.ts'
import type { BlockerWatch } from './blockers.ts'
import { classify } from './classify.ts'
import { joint } from './joint.ts'
import { buildLadder, type LadderOptions } from './ladder.ts'
import { readDefinitions } from './definitions.ts'
import type { Drift, Plan } from './plan.ts'
import {
  forgetJournalEntry,
  forgetObject,
  journalIntent,
  journalProgress,
  openJournalEntry,
  recordObject,
  type JournalEntry,
} from './queries.ts'
import { readPlan, readServerMajor } from './read-plan.ts'
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
  for (const [index, step] of plan.steps.entries()) {
    checkpoint(options.signal)
    options.onEvent?.({ type: 'started', step, number: index + 1, of: plan.steps.length })
    const entry = { ...step, id: `${step.id}:${randomUUID()}`, statementsDone: 0, inFlight: undefined }
    await openJournalEntry(session, entry)
    await runEntry(session, entry, options, blockers)
    applied.push({ id: step.id, title: step.title })
  }
  const changed = applied.length + settled.accepted.length + settled.overwritten.length > 0
  await recordManaged(session, contributions, plan, { changed, keep: settled.keep })
  return { applied, accepted: settled.accepted, overwritten: settled.overwritten }
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

/** What stands there now, made or adopted, is what later plans compare with. Where nothing was done, what was read is true. */
async function recordManaged(
  session: Session,
  contributions: readonly Contribution[],
  plan: Plan,
  { changed, keep }: { readonly changed: boolean; readonly keep: ReadonlySet<string> },
): Promise<void> {
  if (!changed && plan.unrecorded.length === 0) return
  const serverMajor = await readServerMajor(session)
  const live = changed
    ? await readDefinitions(
        session,
        contributions.flatMap(({ manages }) => manages),
      )
    : plan.live
  for (const { feature, manages } of contributions) {
    for (const { identity } of manages) {
      const definition = live.get(identity)
      if (definition === undefined || keep.has(identity)) continue
      await recordObject(session, feature, { identity, definition, serverMajor })
    }
  }
}
