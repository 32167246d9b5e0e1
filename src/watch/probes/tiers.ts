// What tiers hold and save, whether moves fail, and whether archives are whole. Who moves partitions says so; what is handed in is
// asked.

import type { ServerProbe } from '../model/server-probe.ts'
import type { Point } from '../model/metric.ts'
import { available, gauge } from './metrics.ts'
import { mostNamed, pointOf } from './named-points.ts'

export interface TierHealth {
  readonly table: string
  /** What each tier takes in the database. */
  readonly sizeBytes: Readonly<Record<string, number>>
  /** What was hot takes less now. */
  readonly savedBytes: number
  /** Rows that were changed since they were packed. */
  readonly looseBytes: number
  /** Partitions of which the last move failed. */
  readonly failed: number
}

export interface ArchiveHealth {
  /** By state. */
  readonly counts: Readonly<Record<string, number>>
  /** Of those that are relied on: lost, or not as they were written when they were last read back. */
  readonly damaged: number
}

export interface TierSources {
  readonly tiers: () => Promise<readonly TierHealth[]>
  readonly archives: () => Promise<ArchiveHealth>
}

const byTable = { labels: ['table'], most: mostNamed }
const tiersOfTable = 4
const mostStates = 8

export function createTiersProbe({ tiers, archives }: TierSources): ServerProbe {
  return {
    name: 'tiers',
    question: 'What do tiers hold and save, do moves fail, and are archives whole?',
    everyMs: 15 * 60_000,
    limitMs: 30_000,
    of: 'elsewhere',
    metrics: [
      gauge('pgstrata_tier_bytes', 'What the partitions of a tier take in the database.', {
        labels: ['table', 'tier'],
        most: mostNamed * tiersOfTable,
      }),
      gauge('pgstrata_tier_saved_bytes', 'What partitions take less than before their first move.', byTable),
      gauge('pgstrata_tier_loose_bytes', 'Rows that were changed since they were packed.', byTable),
      gauge('pgstrata_tier_moves_failed', 'Partitions of which the last move failed.', byTable),
      gauge('pgstrata_archives', 'Archives of partitions.', { labels: ['state'], most: mostStates }),
      gauge('pgstrata_archives_damaged', 'Archives that are lost, or are not what was written.'),
    ],
    unavailable: available,
    read: async () => ({
      points: [...(await tiers()).slice(0, mostNamed).flatMap(tablePoints), ...archivePoints(await archives())],
    }),
  }
}

function tablePoints({ table, sizeBytes, savedBytes, looseBytes, failed }: TierHealth): readonly Point[] {
  return [
    ...Object.entries(sizeBytes).map(([tier, value]) => ({
      metric: 'pgstrata_tier_bytes',
      labels: [table, tier],
      value,
    })),
    ...pointOf('pgstrata_tier_saved_bytes', table, savedBytes),
    ...pointOf('pgstrata_tier_loose_bytes', table, looseBytes),
    ...pointOf('pgstrata_tier_moves_failed', table, failed),
  ]
}

function archivePoints({ counts, damaged }: ArchiveHealth): readonly Point[] {
  return [
    ...Object.entries(counts).map(([state, value]) => ({ metric: 'pgstrata_archives', labels: [state], value })),
    { metric: 'pgstrata_archives_damaged', labels: [], value: damaged },
  ]
}
