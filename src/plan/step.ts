// What a feature contributes to the plan, and what the plan is made of. Features compute steps purely, from what they
// read; everything that runs them, journals them and shows them is here in `plan`.

import { createHash } from 'node:crypto'
import type { ObjectRef } from '../catalog/dump/index.ts'
import { parseSql } from '../sql/parse.ts'
import { classify } from './classify.ts'
import { joint } from './joint.ts'
import { combineEffects, describeEffect, type Cost, type TableLock } from './locks.ts'

export interface StepDraft {
  readonly title: string
  /** Exactly what will run, in order. */
  readonly statements: readonly string[]
  /** What takes it back; null: nothing does, and `whyNoUndo` says why. */
  readonly undo: readonly string[] | null
  readonly whyNoUndo?: string
  /** Identities (as the schema dump names them) of existing objects that the step changes. */
  readonly changes?: readonly string[]
}

export interface ManagedObject {
  /** How messages and the record call it: 'table pgstrata.migration'. */
  readonly identity: string
  /** How the schema dump finds it. */
  readonly ref: ObjectRef
  /** Statements that bring it back to what was declared, where that can be done safely. */
  readonly restore?: readonly string[]
}

/** Declared, and not done by `apply`: something else has to happen first. */
export interface Held {
  readonly what: string
  readonly why: string
  readonly todo: string
  /** What has to happen is under way, and needs nobody: a rollup is being filled. */
  readonly waits?: true
}

export interface Contribution {
  readonly feature: string
  readonly steps: readonly StepDraft[]
  /** Every object the feature keeps, there or still to be made. */
  readonly manages: readonly ManagedObject[]
  readonly held?: readonly Held[]
  /**
   * Every step follows from what is there, half done or not: one that was left unfinished is forgotten and planned anew, and
   * never repeated for something that is gone by now or not wanted any more.
   */
  readonly replans?: boolean
}

export interface Step extends StepDraft {
  readonly id: string
  readonly feature: string
  readonly locks: readonly TableLock[]
  readonly cost: Cost
  /** False: at least one statement runs outside a transaction. */
  readonly transactional: boolean
}

export async function completeStep(feature: string, draft: StepDraft): Promise<Step> {
  const parsed = await parseSql(draft.statements.join(joint), { name: draft.title })
  const placements = await Promise.all(parsed.map(classify))
  const effect = combineEffects(parsed.map(describeEffect))
  const digest = createHash('sha256')
    .update(JSON.stringify([feature, draft.statements]))
    .digest('hex')
  return {
    ...draft,
    id: `${feature}:${digest.slice(0, 12)}`,
    feature,
    locks: effect.locks,
    cost: effect.cost,
    transactional: placements.every((placement) => placement.where !== 'outside'),
  }
}
