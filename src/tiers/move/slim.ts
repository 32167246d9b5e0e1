// A slim partition: an ordinary one, rewritten in the order of its segments without room for updates, with the indexes that are
// declared for it instead of those of every partition, and one by BRIN where its rows stand in the order of the axis. Indexes that
// the table itself has are on every partition, this one too.

import type { MoveRun } from './context.ts'
import { exchange } from './exchange.ts'
import { fillStep } from './filling.ts'

export async function slimStep(run: MoveRun): Promise<void> {
  await fillStep(run, 'slim')
}

export async function swapSlimStep(run: MoveRun): Promise<void> {
  await exchange(run, 'slim')
}
