// Tiers and archives in numbers: what each tier takes, what that saves, which moves fail, and which archives are not whole.

import { expect, test } from 'vitest'
import { archiveHealth, tierHealth } from '../../../src/strata/tier-health.ts'
import { readArchives, type ArchiveRecord, type TierPartitionStatus } from '../../../src/tiers/index.ts'
import { createTiersProbe } from '../../../src/watch/index.ts'
import { archive, tiered } from '../../server/tiers-support.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { ask } from '../support.ts'

const [packed] = tiered.partitions
const partitionOf = (changes: Partial<TierPartitionStatus>): TierPartitionStatus => {
  if (packed === undefined) throw new Error('there is a partition')
  return { ...packed, ...changes }
}

const archiveOf = (changes: Partial<ArchiveRecord>): ArchiveRecord => ({ ...archive, checkFailure: null, ...changes })

test('tables are summed by tier; what was never moved saves nothing', () => {
  const partitions = [
    partitionOf({ sizeBytes: 50, hotBytes: 500, looseBytes: 5, failures: 0 }),
    partitionOf({ sizeBytes: 70, hotBytes: 400, looseBytes: 0, failures: 2 }),
    partitionOf({ tier: 'cold', state: 'cold', sizeBytes: 0, hotBytes: 1_000, looseBytes: 0, failures: 0 }),
    partitionOf({ tier: 'hot', state: 'hot', sizeBytes: 900, hotBytes: 1_900, looseBytes: 0, failures: 0 }),
  ]
  expect(
    tierHealth([
      { ...tiered, partitions },
      { ...tiered, key: 'locked', state: 'unknown', partitions: [] },
    ]),
  ).toEqual([
    {
      table: 'plays',
      sizeBytes: { packed: 120, cold: 0, hot: 900 },
      savedBytes: 450 + 330 + 1_000,
      looseBytes: 5,
      failed: 1,
    },
  ])
})

test('an archive that is relied on is damaged where a check says so, and where it is lost', () => {
  expect(
    archiveHealth([
      archiveOf({ state: 'verified' }),
      archiveOf({ state: 'only copy', checkFailure: 'f' }),
      archiveOf({ state: 'superseded', checkFailure: 'f' }),
      archiveOf({ state: 'lost' }),
    ]),
  ).toEqual({ counts: { verified: 1, 'only copy': 1, superseded: 1, lost: 1 }, damaged: 2 })
})

describeOnEachVersion('the probe of tiers', (_version, database) => {
  test('tells both, each by its labels', async () => {
    const probe = createTiersProbe({
      tiers: async () => tierHealth([tiered]),
      archives: async () => archiveHealth([archive]),
    })
    const { points } = await ask(database().db, probe)
    expect(points.map(({ metric, labels, value }) => [metric, ...labels, value])).toEqual([
      ['pgstrata_tier_bytes', 'plays', 'packed', 50_000],
      ['pgstrata_tier_saved_bytes', 'plays', 450_000],
      ['pgstrata_tier_loose_bytes', 'plays', 100],
      ['pgstrata_tier_moves_failed', 'plays', 1],
      ['pgstrata_archives', 'verified', 1],
      ['pgstrata_archives_damaged', 1],
    ])
  })

  test('where nothing is installed nothing is archived', async () => {
    expect(archiveHealth(await readArchives(database().db))).toEqual({ counts: {}, damaged: 0 })
  })
})
