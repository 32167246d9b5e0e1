// Step 7: tables and indexes that are longer than they need to be, and what keeps them so.

import { deadRows } from '../checks/dead-rows.ts'
import { indexBloat } from '../checks/index-bloat.ts'
import { tableBloat } from '../checks/table-bloat.ts'
import { vacuumDue } from '../checks/vacuum-due.ts'
import { xminHorizon } from '../checks/xmin-horizon.ts'
import { judge, type SlowStep } from './step.ts'

export const bloat: SlowStep = {
  name: 'bloat',
  question: 'Are tables bloated?',
  look: async ({ check }) =>
    judge(await check(xminHorizon, deadRows, vacuumDue, tableBloat, indexBloat), {
      well: 'Tables and indexes are about as long as their rows need',
      weight: 0.7,
    }),
}
