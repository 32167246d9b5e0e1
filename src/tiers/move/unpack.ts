// An ordinary partition again: all rows of a packed or a slim one in a table as the layout declares it. Foreign keys hold again:
// a row that refers to what is gone meanwhile keeps the partition as it is, and is told.

import type { MoveRun } from './context.ts'
import { exchange } from './exchange.ts'
import { fillStep } from './filling.ts'

export async function unpackStep(run: MoveRun): Promise<void> {
  await fillStep(run, 'whole')
}

export async function swapUnpackedStep(run: MoveRun): Promise<void> {
  await exchange(run, 'hot')
}
