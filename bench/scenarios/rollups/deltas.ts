// How many deltas are merged in a second when very many are pending: on few groups, as a hot table has after an hour without a
// merger; and each of a group of its own, as one bulk load leaves. Then small merges, whose deltas lie behind the dead ones
// of the large merge until a vacuum takes those away. Each round has a fresh copy of a database in which all is pending.

import { count, openStrata, resolveConfig, sum, type Strata } from 'pgstrata'
import type { EmbeddedCluster } from 'pgstrata/embedded'
import { measureRounds, timeMs, type Variant } from '../../harness/rounds.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { withClient } from '../../support/with-client.ts'
import { figuresOf, type Part } from '../../harness/part.ts'

export interface DeltaSizes {
  readonly rounds: number
  /** Deltas on 20,000 groups. */
  readonly few: number
  /** Deltas of a group each. */
  readonly many: number
}

const template = 'deltas_template'
const groups = 20_000
const measures = { plays: count(), earnings: sum('amount') }
const rollups = {
  few_groups: { from: 'few', time: 'played_at', bucket: '1 hour', by: ['song_id'], measures },
  many_groups: { from: 'many', time: 'played_at', bucket: '1 hour', by: ['song_id'], measures },
} as const

function open(url: string): Strata {
  return openStrata(resolveConfig<unknown>({ database: { primary: url }, rollups }, { root: '.', name: 'bench' }))
}

/** One statement leaves a delta for each of its groups: 10,000 songs, in as many hours as it takes. */
const insertInto = (table: string): string => `insert into ${table} (song_id, played_at, amount)
  select i % 10000, timestamptz '2026-01-01 00:00Z' + (i / 10000) * interval '1 hour', (i % 100) / 100.0
  from generate_series(0, $1::int8 - 1) i`

export async function measureDeltas(
  cluster: EmbeddedCluster,
  sizes: DeltaSizes,
  { signal, progress }: BenchContext,
): Promise<Part> {
  await prepare(cluster, sizes)
  const samples = await measureRounds([variantOf(cluster, sizes)], { rounds: sizes.rounds, signal, progress })
  await cluster.dropDatabase(template)
  const shown = (number: number): string => number.toLocaleString('en-US')
  const figures = figuresOf(samples, {
    delta_merge_per_s: ['count', `deltas merged in a second: ${shown(sizes.few)} of ${shown(groups)} groups`],
    delta_merge_groups_per_s: ['count', `… ${shown(sizes.many)} of a group each`],
    small_merge_dead_ms: ['ms', `a merge of ${shown(groups)} deltas, right after the large one`],
    small_merge_vacuumed_ms: ['ms', '… and after a vacuum'],
  })
  return { figures, comparisons: {} }
}

async function prepare(cluster: EmbeddedCluster, { few, many }: DeltaSizes): Promise<void> {
  const url = await cluster.createDatabase(template)
  const strata = open(url)
  try {
    await withClient(url, async (client) => {
      for (const table of ['few', 'many']) {
        await client.query(
          `create table ${table} (song_id int not null, played_at timestamptz not null, amount numeric(12, 6) not null)`,
        )
      }
      await strata.apply()
      await client.query(insertInto('few'), [groups])
      await strata.rollup.merge('few_groups')
      await client.query(insertInto('few'), [groups])
      // As if each had been left so many times: a million statements would take minutes.
      await client.query(
        'insert into pgstrata.few_groups_delta select delta.* from pgstrata.few_groups_delta as delta, generate_series(2, $1::int8)',
        [few / groups],
      )
      await client.query(insertInto('many'), [many])
      await client.query('vacuum analyze')
      await client.query('checkpoint')
    })
  } finally {
    await strata.close()
  }
}

function variantOf(cluster: EmbeddedCluster, { few, many }: DeltaSizes): Variant {
  return {
    name: 'merge',
    run: async () => {
      await withClient(cluster.primary.url('postgres'), async (admin) => {
        await admin.query(`create database deltas template ${template} strategy file_copy`)
        await admin.query('checkpoint')
      })
      const url = cluster.primary.url('deltas')
      const strata = open(url)
      try {
        return await withClient(url, async (client) => {
          const merge = async (name: keyof typeof rollups, expected: number): Promise<number> => {
            let merged = 0
            const tookMs = await timeMs(async () => (merged = await strata.rollup.merge(name)))
            if (merged !== expected) throw new Error(`Expected ${expected} deltas of ${name}, merged ${merged}`)
            return tookMs
          }
          const mergeSmall = async (): Promise<number> => {
            await client.query(insertInto('few'), [groups])
            return await merge('few_groups', groups)
          }
          const fewMs = await merge('few_groups', few)
          const deadMs = await mergeSmall()
          await client.query('vacuum pgstrata.few_groups_delta')
          const vacuumedMs = await mergeSmall()
          const manyMs = await merge('many_groups', many)
          return {
            delta_merge_per_s: (few / fewMs) * 1_000,
            delta_merge_groups_per_s: (many / manyMs) * 1_000,
            small_merge_dead_ms: deadMs,
            small_merge_vacuumed_ms: vacuumedMs,
          }
        })
      } finally {
        await strata.close()
        await cluster.dropDatabase('deltas')
      }
    },
  }
}
