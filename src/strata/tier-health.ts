// Tiers and archives in the few numbers that are watched.

import type { ArchiveRecord, TableTierStatus } from '../tiers/index.ts'
import type { ArchiveHealth, TierHealth } from '../watch/index.ts'

/** Tables that could not be read have no numbers. */
export function tierHealth(statuses: readonly TableTierStatus[]): readonly TierHealth[] {
  return statuses
    .filter(({ state }) => state !== 'unknown')
    .map(({ key, partitions }) => {
      const sizeBytes: Record<string, number> = {}
      for (const one of partitions) sizeBytes[one.tier] = (sizeBytes[one.tier] ?? 0) + one.sizeBytes
      const moved = partitions.filter(({ tier }) => tier !== 'hot')
      return {
        table: key,
        sizeBytes,
        savedBytes: moved.reduce((sum, one) => sum + Math.max(0, (one.hotBytes ?? 0) - one.sizeBytes), 0),
        looseBytes: partitions.reduce((sum, one) => sum + one.looseBytes, 0),
        failed: partitions.filter(({ failures }) => failures > 0).length,
      }
    })
}

/** One that is being made, was replaced or was removed on purpose is not relied on. */
const relied: ReadonlySet<string> = new Set(['verified', 'only copy'])

export function archiveHealth(archives: readonly ArchiveRecord[]): ArchiveHealth {
  const counts: Record<string, number> = {}
  for (const { state } of archives) counts[state] = (counts[state] ?? 0) + 1
  const damaged = archives.filter(
    ({ state, checkFailure }) => state === 'lost' || (relied.has(state) && checkFailure !== null),
  )
  return { counts, damaged: damaged.length }
}
