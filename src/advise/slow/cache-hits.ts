// Step 3: whether the server finds what it needs in memory.

import { bufferHit } from '../checks/buffer-hit.ts'
import { indexHit } from '../checks/index-hit.ts'
import { judge, type SlowStep } from './step.ts'

export const cacheHits: SlowStep = {
  name: 'cache-hits',
  question: 'Does the server find blocks in memory?',
  look: async ({ check }) =>
    judge(await check(bufferHit, indexHit), {
      well: 'Blocks are found in memory, or too few were read to tell',
      weight: 0.8,
    }),
}
