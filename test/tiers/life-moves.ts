// What the movers of a life do next with its six partitions. No more is loaded than a mover needs: a process of it starts for each kill.

import type { Random } from '../../src/base/random.ts'
import type { Db } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { readTierPartitions, type TierPartition } from '../../src/tiers/model/record.ts'
import type { Move, State } from '../../src/tiers/model/states.ts'
import { findTierTable } from '../../src/tiers/model/tables.ts'

export const days = [1, 2, 3, 4, 5, 6] as const

export function partitionOf(day: number): string {
  return `events_2026_01_0${day}`
}

/** Those of the six days, as they are known. */
export async function readLife(db: Db): Promise<readonly TierPartition[]> {
  const tier = await findTierTable(db, { schema: 'public', table: 'events' })
  const known = tier === undefined ? [] : await readTierPartitions(db, tier.id)
  return known.filter(({ name }) => days.some((day) => partitionOf(day) === name))
}

/** Nobody rests: who was disturbed or failed is tried again at once. */
export async function wakeAll(db: Db): Promise<void> {
  await db.query(sql`update pgstrata.tier_partition set not_before = null where not_before is not null`)
}

const choices: Readonly<Partial<Record<State, readonly (readonly [Move | 'abort', number])[]>>> = {
  hot: [
    ['pack', 0.6],
    ['slim', 0.2],
    ['archive', 0.2],
  ],
  slim: [
    ['pack', 0.3],
    ['unpack', 0.2],
    ['slim', 0.1],
    ['archive', 0.4],
  ],
  packed: [
    ['pack', 0.2],
    ['unpack', 0.2],
    ['archive', 0.6],
  ],
  archived: [
    ['drop', 0.85],
    ['abort', 0.15],
  ],
  cold: [['restore', 1]],
}

/** What is done next with a partition that is at rest, or archived. */
export function chooseMove(state: State, random: Random): Move | 'abort' | undefined {
  const offered = choices[state] ?? []
  let place = random()
  for (const [move, share] of offered) {
    place -= share
    if (place < 0) return move
  }
  return offered.at(-1)?.[0]
}
