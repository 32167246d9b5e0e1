// What a run would carry out, before it does: each migration with the locks of its statements, as far as they can be read.

import { combineEffects, describeEffect, type Cost, type TableLock } from '../plan/index.ts'
import { readBody } from './files.ts'
import type { PlannedMigration } from './plan.ts'

export interface PendingMigration {
  readonly name: string
  readonly file: string
  /** An earlier run stopped in it: this one goes on from there. */
  readonly isUnfinished: boolean
  /** Of code nothing is known before it runs. */
  readonly isCode: boolean
  readonly locks: readonly TableLock[]
  readonly cost: Cost | undefined
}

export async function readPending(planned: readonly PlannedMigration[]): Promise<readonly PendingMigration[]> {
  return await Promise.all(
    planned.map(async ({ file, unfinished }) => {
      const body = await readBody(file)
      const effect = body.kind === 'code' ? undefined : combineEffects(body.up.map(describeEffect))
      return {
        name: file.name,
        file: file.file,
        isUnfinished: unfinished !== undefined,
        isCode: effect === undefined,
        locks: effect?.locks ?? [],
        cost: effect?.cost,
      }
    }),
  )
}
