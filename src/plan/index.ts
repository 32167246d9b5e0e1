export { classify } from './classify.ts'
export { cutBlocks, type Block, type PlacedStatement } from './blocks.ts'
export { climb, isRace } from './climb.ts'
export { buildLadder, defaultLadderOptions, type Ladder, type LadderOptions } from './ladder.ts'
export type { Look } from './recovery.ts'
export type { Busy, ScriptState, ScriptStore } from './script-run.ts'
export { insideRefused, runScript } from './script.ts'
export { explainFailure } from './statement-failure.ts'
export { joint } from './joint.ts'
export { openPatience } from './patience.ts'
export { asOurselves, prepareSession, resetText } from './session.ts'
export type { BlockerWatch } from './blockers.ts'
export { doStructuralWork, type StructuralWork } from './structural-work.ts'
export { applyPlan, type ApplyEvent, type ApplyOptions, type ApplyReport } from './apply.ts'
export { combineEffects, describeEffect, type Cost, type LockMode, type TableLock } from './locks.ts'
export { hasWork, type Drift, type Plan } from './plan.ts'
export { readPlan } from './read-plan.ts'
export { renderPlan } from './render.ts'
export type { Contribution, Held, ManagedObject, Step, StepDraft } from './step.ts'
export {
  awaitCalm,
  awaitReplicas,
  canSeeReplicas,
  setPace,
  type CalmOptions,
  type Pace,
  type ThrottleOptions,
} from './throttle.ts'
