// A day of probes of the example app streamr, in its own layout: packed and unpacked again.

import { openStrata, resolveConfig, type Strata } from 'pgstrata'
import { generate } from '../../../examples/streamr/src/generator/generate.ts'
import { folder as app } from '../../../examples/streamr/src/strata.ts'
import type { Samples } from '../../harness/part.ts'
import { measureRounds, timeMs } from '../../harness/rounds.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { withClient } from '../../support/with-client.ts'
import { withStreamr } from '../streamr/database.ts'
import { largestPartition, settle, sizesOf } from './partition.ts'

export interface ProbeSizes {
  readonly scale: number
  readonly days: number
  readonly rounds: number
}

const table = 'probe_results'

export async function measureProbes(
  url: string,
  { scale, days, rounds }: ProbeSizes,
  context: BenchContext,
): Promise<{ readonly samples: Samples; readonly rows: number }> {
  const { signal, progress } = context
  await fillProbes(url, { scale, days }, context)
  const strata = openProbes(url)
  try {
    await strata.apply({ signal })
    return await withClient(url, async (client) => {
      const day = await largestPartition(client, table, 'probe_timestamp')
      await settle(client)
      const heap = await sizesOf(strata, table, day)
      const run = async (): Promise<Record<string, number>> => {
        const packMs = await timeMs(() => strata.tiers.move(table, day.name, 'pack', { signal }))
        await settle(client)
        const packed = await sizesOf(strata, table, day)
        await strata.tiers.move(table, day.name, 'unpack', { signal })
        return {
          heap_probes_mb: heap.mb,
          packed_probes_mb: packed.mb,
          pack_probes_rows_per_s: (day.rows / packMs) * 1_000,
        }
      }
      const samples = await measureRounds([{ name: 'a day of probes', run }], { rounds, signal, progress })
      return { samples, rows: day.rows }
    })
  } finally {
    await strata.close()
  }
}

async function fillProbes(
  url: string,
  { scale, days }: Pick<ProbeSizes, 'scale' | 'days'>,
  { signal, progress }: BenchContext,
): Promise<void> {
  await withStreamr(url, async (strata) => {
    await strata.migrate.up({ signal })
    await strata.apply({ signal })
    const few = { payoutHours: 1, silentStreams: 1, users: 10, comments: 10 }
    const { probes } = await generate(strata, { scale, sizes: { days, ...few }, signal })
    progress(`${probes.toLocaleString('en-US')} probes`)
  })
}

/** Without rollups, whose processes would have to hear of it first: moves alone are measured. */
function openProbes(url: string): Strata {
  const probes = {
    time: 'probe_timestamp',
    partition: 'day',
    ahead: 7,
    from: '2025-01-01',
    retain: '90 days',
    warm: { after: '7 days', segmentBy: ['stream_id', 'node_id'], orderBy: ['probe_timestamp'] },
  } as const
  const config = { database: { primary: url }, tables: { [table]: probes } }
  return openStrata(resolveConfig(config, { root: app, name: 'pgstrata.config.ts' }))
}
