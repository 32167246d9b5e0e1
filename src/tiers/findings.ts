// What is not as it should be with the tiers of a table, found in what its status reads. Pure.

import { plural } from '../base/units.ts'
import type { TieredTable } from './model/options.ts'
import type { Refusal, Tier } from './model/refusals.ts'
import { isResting } from './model/states.ts'
import type { TierPartitionStatus } from './status-partitions.ts'

export interface TierFinding {
  readonly gravity: 'note' | 'warn' | 'fail'
  readonly what: string
  readonly advice: string
}

export interface ServerNow {
  readonly versionNum: number
  readonly at: Date
}

export interface FoundTiers {
  readonly declared: TieredTable
  readonly state: 'declared' | 'applied' | 'paused'
  readonly partitions: readonly TierPartitionStatus[]
  readonly refusals: readonly Refusal[]
  readonly now: ServerNow
}

/** Each costs a branch of every query over the history, some 0.2 ms of planning. */
const mostPacks = 400
/** From this share of a pack on, what was changed since is worth packing again. */
const mostLooseShare = 0.1
const stuckAfterMs = 24 * 3_600_000
/** The first version that counts when a table was read. */
const countsReads = 160_000

export function findTierFindings(found: FoundTiers): readonly TierFinding[] {
  return [
    ...findUnapplied(found),
    ...findRefused(found),
    ...findUncounted(found),
    ...found.partitions.flatMap((partition) => [
      ...findFailed(partition),
      ...findStuck(partition, found.now),
      ...findUndropped(partition, found.declared),
      ...findLoose(partition),
    ]),
    ...findManyPacks(found),
    ...findNarrowKeys(found),
  ]
}

function findUnapplied({ state }: FoundTiers): readonly TierFinding[] {
  if (state === 'declared') {
    const what = 'its tiers are declared and not applied: nothing is moved'
    return [{ gravity: 'warn', what, advice: 'run `pgstrata apply`' }]
  }
  if (state === 'applied') return []
  const what = 'its tiers are paused: nothing is moved but what a person asks for'
  return [{ gravity: 'note', what, advice: 'run `pgstrata tier resume` when that is over' }]
}

/** The tiers that a declaration leads to. */
function wantedTiers({ warm, cold }: TieredTable): readonly Tier[] {
  return [...(warm === undefined ? [] : [warm.strength]), ...(cold === undefined ? [] : ['cold' as const])]
}

function findRefused({ declared, refusals }: FoundTiers): readonly TierFinding[] {
  const wanted = wantedTiers(declared)
  return refusals
    .filter(({ tiers }) => tiers.some((tier) => wanted.includes(tier)))
    .map(({ tiers, why, todo }) => ({
      gravity: 'warn',
      what: `it cannot be ${tiers.filter((tier) => wanted.includes(tier)).join(' or ')}: ${why}`,
      advice: todo,
    }))
}

function findUncounted({ declared: { warm }, now }: FoundTiers): readonly TierFinding[] {
  if (warm?.unread === undefined || now.versionNum >= countsReads) return []
  const what = 'this server does not count when a partition was read, so that `warm.unread` has no effect'
  return [{ gravity: 'note', what, advice: 'declare `warm.after`, or upgrade to PostgreSQL 16 or newer' }]
}

function findFailed({ name, failure, failures, notBefore, state }: TierPartitionStatus): readonly TierFinding[] {
  if (failure === null) return []
  const rests = notBefore === null ? '' : `; it rests until ${notBefore.toISOString()}`
  const times = failures > 1 ? ` (${plural(failures, 'time')} in a row)` : ''
  const advice = 'see to the cause; the job tries again by itself'
  return [{ gravity: 'warn', what: `${name} (${state}): ${failure}${times}${rests}`, advice }]
}

function findStuck(
  { name, state, failure, updatedAt }: TierPartitionStatus,
  { at }: ServerNow,
): readonly TierFinding[] {
  if (isResting(state) || state === 'archived' || failure !== null || updatedAt === null) return []
  if (at.getTime() - updatedAt.getTime() < stuckAfterMs) return []
  const what = `${name} is ${state}, and nothing was done to it for more than a day`
  return [
    {
      gravity: 'warn',
      what,
      advice: 'look whether `pgstrata serve` runs, and why the job `tiers` does not (`pgstrata jobs`)',
    },
  ]
}

function findUndropped({ name, state, next }: TierPartitionStatus, { cold }: TieredTable): readonly TierFinding[] {
  if (state !== 'archived' || cold !== undefined || next !== null) return []
  const what = `${name} is archived, and \`cold\` is not declared: it is not dropped by itself`
  return [{ gravity: 'warn', what, advice: 'keep it with `pgstrata tier abort`, or drop it with `pgstrata tier drop`' }]
}

function findLoose({ name, state, looseBytes, sizeBytes }: TierPartitionStatus): readonly TierFinding[] {
  if (state !== 'packed' || looseBytes < (sizeBytes - looseBytes) * mostLooseShare || looseBytes < 1_048_576) return []
  const share = Math.round((looseBytes / sizeBytes) * 100)
  const what = `${share} % of ${name} are rows that were changed since it was packed`
  return [{ gravity: 'note', what, advice: 'pack it again: `pgstrata tier repack`' }]
}

function findManyPacks({ partitions }: FoundTiers): readonly TierFinding[] {
  const packs = partitions.filter(({ segments }) => segments !== null).length
  if (packs <= mostPacks) return []
  const what = `${packs} of its partitions are packed, and each costs planning time of every query over all of them`
  return [{ gravity: 'warn', what, advice: 'declare `cold`, or a coarser grain of partitions' }]
}

function findNarrowKeys({ declared: { warm }, partitions }: FoundTiers): readonly TierFinding[] {
  const wanted = warm?.segmentBy ?? []
  if (wanted.length === 0) return []
  const without = partitions.filter(
    ({ segmentBy }) => segmentBy !== null && !wanted.every((column) => segmentBy.includes(column)),
  )
  if (without.length === 0) return []
  const what = `${plural(without.length, 'packed partition')} could not be cut by ${wanted.join(', ')}: most values of it have too few rows`
  return [
    { gravity: 'note', what, advice: 'declare fewer columns under `segmentBy`, or a coarser grain of partitions' },
  ]
}
