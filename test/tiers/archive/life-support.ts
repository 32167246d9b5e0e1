// Partitions of a table by day that go to an archive and come back, as a person moves them.

import { readdir } from 'node:fs/promises'
import type { Db } from '../../../src/db/db.ts'
import type { TieredTable } from '../../../src/tiers/model/options.ts'
import type { TierPartition } from '../../../src/tiers/model/record.ts'
import type { Move } from '../../../src/tiers/model/states.ts'
import type { Archiving } from '../../../src/tiers/move/context.ts'
import { movePartition } from '../../../src/tiers/move/movers.ts'
import type { MoveTools } from '../../../src/tiers/move/run.ts'
import type { Store } from '../../../src/tiers/store/store.ts'
import { openStore } from '../../../src/tiers/store/open.ts'
import { moveTools } from '../exchange-support.ts'
import { partitionOf, tieredEvents } from '../move-support.ts'
import { s3Options } from '../store/store-support.ts'
import { duck } from './archive-support.ts'

export const first = partitionOf(1)

export const events: TieredTable = tieredEvents({}, { due: { age: '1 year' }, grace: '7 days', to: undefined })

export interface Mover {
  readonly archiving: Archiving
  move(move: Move, changes?: Partial<MoveTools>): Promise<TierPartition>
}

export function openMover(db: Db, { store, work }: { readonly store: Store; readonly work: string }): Mover {
  const archiving = { store, duck, work }
  return {
    archiving,
    move: (move, changes = {}) =>
      movePartition(moveTools(db, { archivingOf: () => archiving, ...changes }), {
        table: events,
        partition: first,
        move,
      }),
  }
}

/** Moves of any partition of the table, with files in a folder. */
export function movesOf(
  db: Db,
  { store: to, work }: { readonly store: string; readonly work: string },
): (partition: string, move: Move) => Promise<TierPartition> {
  const archiving = { store: openStore({ to, s3: s3Options('http://none') }), duck, work }
  const tools = moveTools(db, { archivingOf: () => archiving })
  return (partition, move) => movePartition(tools, { table: events, partition, move })
}

/** All files below, by their paths. */
export async function filesBelow(folder: string): Promise<readonly string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(folder.length + 1))
    .toSorted()
}
