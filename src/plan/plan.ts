// Desired − actual → a plan. Pure: what features contribute, what stands in the catalog and what was recorded when
// each object was left, in; steps in order, drift and what is held back, out.

import { diffLines } from '../base/line-diff.ts'
import type { JournalEntry, RecordedObject } from './queries.ts'
import type { Contribution, Held, ManagedObject, Step } from './step.ts'

export interface PlanInput {
  readonly contributions: readonly Contribution[]
  readonly steps: readonly Step[]
  readonly unfinished: readonly JournalEntry[]
  readonly recorded: readonly RecordedObject[]
  /** Definition of each managed object that exists. */
  readonly live: ReadonlyMap<string, string>
  readonly serverMajor: number
}

export interface Drift {
  readonly identity: string
  readonly feature: string
  readonly kind: 'changed' | 'missing'
  /** Recorded against live, line by line. */
  readonly diff: readonly string[]
  /** Steps that wait until somebody decides. */
  readonly holds: readonly string[]
  readonly canRestore: boolean
}

export interface Plan {
  readonly steps: readonly Step[]
  /** Begun by an earlier apply and not finished: apply finishes them first. */
  readonly unfinished: readonly JournalEntry[]
  /** Begun by an earlier apply, and what is left of them is among the steps: apply forgets them. */
  readonly replanned: readonly JournalEntry[]
  readonly drift: readonly Drift[]
  readonly held: readonly Held[]
  /** How each managed object that exists looks. */
  readonly live: ReadonlyMap<string, string>
  /** Objects that exist and have no record, or one of another server version: apply takes them as they are. */
  readonly unrecorded: readonly string[]
}

export function makePlan(input: PlanInput): Plan {
  const recordedOf = new Map(input.recorded.map((object) => [object.identity, object]))
  const drift = input.contributions.flatMap(({ feature, manages }) =>
    manages.flatMap((object) => {
      const recorded = recordedOf.get(object.identity)
      return recorded === undefined ? [] : findDrift(input, feature, object, recorded)
    }),
  )
  const unrecorded = [...input.live.keys()].filter(
    (identity) => recordedOf.get(identity)?.serverMajor !== input.serverMajor,
  )
  const held = input.contributions.flatMap((contribution) => contribution.held ?? [])
  const replanning = new Set(input.contributions.flatMap(({ feature, replans }) => (replans === true ? [feature] : [])))
  const isReplanned = ({ feature }: JournalEntry): boolean => replanning.has(feature)
  return {
    steps: input.steps,
    unfinished: input.unfinished.filter((entry) => !isReplanned(entry)),
    replanned: input.unfinished.filter(isReplanned),
    drift,
    held,
    live: input.live,
    unrecorded,
  }
}

function findDrift(input: PlanInput, feature: string, object: ManagedObject, recorded: RecordedObject): Drift[] {
  const { identity } = object
  const live = input.live.get(identity)
  const holds = input.steps.filter((step) => step.changes?.includes(identity) === true).map((step) => step.id)
  const canRestore = object.restore !== undefined
  if (live === undefined) return [{ identity, feature, kind: 'missing', diff: [], holds: [], canRestore }]
  // Another major version may print the same object in other words; apply records it anew.
  if (live === recorded.definition || recorded.serverMajor !== input.serverMajor) return []
  return [{ identity, feature, kind: 'changed', diff: diffLines(recorded.definition, live), holds, canRestore }]
}

/** Something for `apply` to do, or for a person to decide. */
export function hasWork(plan: Plan): boolean {
  return [plan.steps, plan.unfinished, plan.drift, plan.held].some((list) => list.length > 0)
}
