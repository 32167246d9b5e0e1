// What is done in each state. Each step is one transaction with its change of state, or can be done again.

import type { Rest, State } from '../model/states.ts'
import { abortStep } from './abort.ts'
import { exportStep, uploadStep, verifyStep } from './archive.ts'
import { settleStep } from './barrier.ts'
import type { Step } from './context.ts'
import { dropStep } from './drop.ts'
import { guardStep } from './guard.ts'
import { packStep } from './pack.ts'
import { attachStep, fetchStep, loadStep } from './restore.ts'
import { slimStep, swapSlimStep } from './slim.ts'
import { swapPackStep } from './swap-pack.ts'
import { swapUnpackedStep, unpackStep } from './unpack.ts'

/** `archived` waits for its grace, and is nobody's step. */
export const steps: Readonly<Record<Exclude<State, Rest | 'archived'>, Step>> = {
  'slim:guarding': guardStep,
  'slim:building': slimStep,
  'slim:settling': settleStep,
  'slim:swapping': swapSlimStep,
  'pack:guarding': guardStep,
  'pack:building': packStep,
  'pack:settling': settleStep,
  'pack:swapping': swapPackStep,
  'unpack:guarding': guardStep,
  'unpack:building': unpackStep,
  'unpack:settling': settleStep,
  'unpack:swapping': swapUnpackedStep,
  'archive:guarding': guardStep,
  'archive:exporting': exportStep,
  'archive:uploading': uploadStep,
  'archive:verifying': verifyStep,
  dropping: dropStep,
  'restore:fetching': fetchStep,
  'restore:loading': loadStep,
  'restore:attaching': attachStep,
  aborting: abortStep,
}
