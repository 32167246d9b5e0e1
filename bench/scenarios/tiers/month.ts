// A month of plays of the example app mycelix, around all tiers: in the table, packed, unpacked, archived, dropped, restored. The
// same questions are asked in the table and of the pack, and have the same answers.

import type pg from 'pg'
import { openStrata, resolveConfig, type Strata } from 'pgstrata'
import { generate } from '../../../examples/mycelix/src/generator/generate.ts'
import { folder as app } from '../../../examples/mycelix/src/strata.ts'
import type { Samples } from '../../harness/part.ts'
import { measureRounds, timeMs } from '../../harness/rounds.ts'
import type { BenchContext } from '../../harness/scenario.ts'
import { withClient } from '../../support/with-client.ts'
import { largestPartition, settle, sizesOf, type MeasuredPartition } from './partition.ts'
import { askMonth, drawKeys, readColumns, timeKeys, type Key } from './questions.ts'

export interface MonthSizes {
  readonly plays: number
  readonly rounds: number
  /** How often the sum is asked for in a round. */
  readonly asked: number
  readonly keys: number
}

interface Place {
  readonly url: string
  /** Of the archive and its work. */
  readonly folder: string
}

export async function measureMonth(
  place: Place,
  sizes: MonthSizes,
  context: BenchContext,
): Promise<{ readonly samples: Samples; readonly rows: number }> {
  const { signal, progress } = context
  const strata = openPlays(place)
  try {
    await strata.migrate.up({ signal })
    await strata.apply({ signal })
    const { plays } = await generate(strata, { plays: sizes.plays, signal })
    progress(`${plays.toLocaleString('en-US')} plays`)
    return await withClient(place.url, async (client) => {
      const month = await largestPartition(client, 'plays', 'played_at')
      const keys = await drawKeys(client, month, sizes.keys)
      await settle(client)
      const { mb } = await sizesOf(strata, 'plays', month)
      const round = { strata, client, month, keys, sizes, signal }
      const run = async (): Promise<Record<string, number>> => ({ heap_mb: mb, ...(await goRound(round)) })
      const samples = await measureRounds([{ name: 'a month of plays', run }], {
        rounds: sizes.rounds,
        signal,
        progress,
      })
      return { samples, rows: month.rows }
    })
  } finally {
    await strata.close()
  }
}

/** The app's migrations and the layout of its plays, without rollups and views: moves alone are measured. */
function openPlays({ url, folder }: Place): Strata {
  const now = new Date()
  const from = new Date(Date.UTC(now.getUTCFullYear() - 1, now.getUTCMonth())).toISOString().slice(0, 10)
  const plays = {
    time: 'played_at',
    partition: 'month',
    ahead: 1,
    from,
    accept: ['wider-keys'],
    warm: {
      after: '30 days',
      segmentBy: ['song_id'],
      orderBy: ['played_at'],
      accept: ['unenforced-references'],
    },
    cold: { after: '1 year', grace: '0 days' },
  } as const
  const archive = { to: `${folder}/archive`, work: `${folder}/work`, cache: { dir: `${folder}/cache` } }
  const config = { database: { primary: url }, tables: { plays }, archive }
  return openStrata(resolveConfig(config, { root: app, name: 'pgstrata.config.ts' }))
}

interface Round {
  readonly strata: Strata
  readonly client: pg.Client
  readonly month: MeasuredPartition
  readonly keys: readonly Key[]
  readonly sizes: MonthSizes
  readonly signal: AbortSignal
}

async function goRound(round: Round): Promise<Record<string, number>> {
  const { strata, client, month } = round
  await settle(client)
  const heap = await lookAtHeap(round)
  const pack = await rateOf(round, () => move(round, 'pack'))
  await settle(client)
  const packed = await lookAtPack(round, heap.answer)
  const unpack = await rateOf(round, () => move(round, 'unpack'))
  const archive = await rateOf(round, () => move(round, 'archive'))
  const { archiveMb } = await sizesOf(strata, 'plays', month)
  const verify = await rateOf(round, () => verifyAll(round))
  await move(round, 'drop')
  const restore = await rateOf(round, () => move(round, 'restore'))
  return {
    ...heap.figures,
    ...packed,
    parquet_mb: archiveMb,
    pack_rows_per_s: pack,
    unpack_rows_per_s: unpack,
    archive_rows_per_s: archive,
    verify_rows_per_s: verify,
    restore_rows_per_s: restore,
  }
}

async function lookAtHeap(round: Round): Promise<{ figures: Record<string, number>; answer: string }> {
  const { client, month, keys, sizes } = round
  const answer = await askMonth(client, 'plays', month)
  const sumMs = await timeMs(() => repeat(sizes.asked, () => askMonth(client, 'plays', month)))
  const read = await rateOf(round, () => readColumns(client, 'plays', month))
  const copy = await rateOf(round, () => client.query(`copy ${month.name} to '/dev/null' (format csv)`))
  const figures = {
    heap_sum_ms: sumMs / sizes.asked,
    heap_point_ms: await timeKeys(client, 'plays', keys),
    heap_read_rows_per_s: read,
    copy_rows_per_s: copy,
  }
  return { figures, answer }
}

async function lookAtPack(round: Round, expected: string): Promise<Record<string, number>> {
  const { strata, client, month, keys, sizes } = round
  const { mb } = await sizesOf(strata, 'plays', month)
  const reader = strata.tiers.reader('plays').between(month.from, month.to)
  const sum = async (): Promise<string | null> => await reader.sum('amount')
  requireSame(`${(await sum()) ?? 'nothing'} of ${await reader.count()}`, expected)
  requireSame(await askMonth(client, 'plays_between', month), expected)
  const sumMs = await timeMs(() => repeat(sizes.asked, sum))
  const scanMs = await timeMs(() => repeat(sizes.asked, () => askMonth(client, 'plays_between', month)))
  return {
    packed_mb: mb,
    packed_sum_ms: sumMs / sizes.asked,
    packed_scan_ms: scanMs / sizes.asked,
    packed_point_ms: await timeKeys(client, 'plays_between', keys),
    packed_read_rows_per_s: await rateOf(round, () => readColumns(client, 'plays_between', month)),
  }
}

async function move({ strata, month, signal }: Round, what: 'pack' | 'unpack' | 'archive' | 'drop' | 'restore') {
  await strata.tiers.move('plays', month.name, what, { signal })
}

async function verifyAll({ strata, signal }: Round): Promise<void> {
  const report = await strata.archive?.verify({ table: 'plays', signal })
  if (report === undefined || report.archives === 0 || report.faults.length > 0)
    throw new Error('The archive is not what was written')
}

/** Rows a second. */
async function rateOf({ month }: Round, work: () => Promise<unknown>): Promise<number> {
  return (month.rows / (await timeMs(work))) * 1_000
}

async function repeat(times: number, work: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < times; time++) await work()
}

function requireSame(got: string, expected: string): void {
  if (got !== expected) throw new Error(`Expected ${expected}, got ${got}`)
}
