// Whether a move can come to its end, as far as that can be told before it begins: once it is under way, writers of the partition pay
// for it.

import { leafNames } from '../../partitions/for-tiers.ts'
import { requireAllowed, type Tier } from '../model/refusals.ts'
import { follow, type Move } from '../model/states.ts'
import { requireMovable } from './belongings.ts'
import type { MoveRun } from './context.ts'
import { readLeaves, requirePartition } from './leaves.ts'
import { requireWarm } from './pack.ts'
import { requirePrepared } from './prepared.ts'
import { requireUnpublished } from './publications.ts'

const tierOf: Readonly<Partial<Record<Move, Tier>>> = { slim: 'slim', pack: 'packed', archive: 'cold' }

export async function requirePossible(run: MoveRun, move: Move): Promise<void> {
  const { session, table, record } = run
  const { schema, table: name } = table.partitioned
  // Refused by its state.
  if (follow(record, move) === null || move === 'drop') return
  const tier = tierOf[move]
  if (tier !== undefined) await requireAllowed(session, table, tier)
  if (move === 'pack') {
    requireWarm(run)
    await requirePrepared(session, table)
  }
  const isRewritten = move === 'slim' || move === 'unpack'
  if (isRewritten) {
    await requirePartition(session, record)
    const leaves = await readLeaves(session, record)
    await requireMovable(session, record, { schema, leaves, expected: leafNames(table.partitioned, record.name) })
  }
  const into = isRewritten || move === 'restore' ? [schema, 'pgstrata'] : ['pgstrata']
  await requireUnpublished(session, { into, schema, table: name })
}
