// Reads through the rollup beside the same answers from the plays, which have the indexes for it; and a wide read through
// the typed reader beside the same through the view that regroups. Everything goes through the pool, prepared by name.

import { sql, type Sql } from 'pgstrata'
import type pg from 'pg'
import { measureRounds, timeMs, type Variant } from '../../harness/rounds.ts'
import type { BenchContext, Comparison } from '../../harness/scenario.ts'
import type { SongStrata } from './declaration.ts'
import { figuresOf, type Part, type Samples } from '../../harness/part.ts'
import { createBatches, insertBatch } from './plays.ts'
import { rawTrending, readTrending } from './trending.ts'

interface Reads {
  readonly client: pg.Client
  readonly strata: SongStrata
  readonly rounds: number
  /** Plays that are not merged, for the reads beside pending changes. */
  readonly pending: number
}

/** Where a song stands when songs are ordered by the plays of 30 days, and what it is called here. */
const standings = {
  popular: 'one of the 5 songs that are played most',
  typical: 'a song of which half of all plays are more popular',
  rare: 'a song in the middle of the list',
} as const
type Standing = keyof typeof standings

export async function measureReads(reads: Reads, context: BenchContext): Promise<Part> {
  const { client, strata, rounds, pending } = reads
  const { signal, progress } = context
  const chosen = await chooseSongs(client)
  await checkSame(strata, chosen.popular)
  const variants = [
    ...topVariants(strata),
    ...(Object.keys(standings) as Standing[]).flatMap((standing) => keyVariants(strata, standing, chosen[standing])),
    ...wideVariants(strata, 'wide'),
  ]
  const warmUp = { rounds: 1, signal, progress: (): void => undefined }
  await measureRounds(variants, warmUp)
  const merged = await measureRounds(variants, { rounds, signal, progress })
  for (const batch of createBatches(1, pending / 1_000, 1_000)) {
    await insertBatch(client, 'plays', { batch, overSeconds: 86_400 })
  }
  const besidePending = wideVariants(strata, 'wide_pending')
  await measureRounds(besidePending, warmUp)
  const unmerged = await measureRounds(besidePending, { rounds, signal, progress })
  await strata.rollup.merge('song_plays')
  return describe(new Map([...merged, ...unmerged]), pending)
}

function describe(samples: Samples, pending: number): Part {
  const compared = {
    topn_vs_raw: ['top 20 trending: the totals beside the plays', 'topn_ms', 'topn_raw_ms'],
    ...Object.fromEntries(
      Object.entries(standings).map(([standing, title]) => [
        standing === 'popular' ? 'key_vs_raw' : `key_${standing}_vs_raw`,
        [`30 days by day of ${title}`, `key_${standing}_ms`, `key_${standing}_raw_ms`],
      ]),
    ),
    wide_vs_regrouped: ['top 20 of 7 days: the reader beside the view, all merged', 'wide_ms', 'wide_view_ms'],
    wide_pending_vs_regrouped: [
      `… with ${pending.toLocaleString('en-US')} plays to be merged`,
      'wide_pending_ms',
      'wide_pending_view_ms',
    ],
  } as Readonly<Record<string, readonly [string, string, string]>>
  return {
    figures: figuresOf(
      samples,
      Object.fromEntries(
        Object.values(compared).flatMap(([title, ...names]) => names.map((name) => [name, ['ms', title]])),
      ),
    ),
    comparisons: Object.fromEntries(
      Object.entries(compared).map(([name, [title, ours, theirs]]): [string, Comparison] => [
        name,
        { title, ours, theirs },
      ]),
    ),
  }
}

/** Milliseconds of one: quick ones are read several times. */
function variantOf(name: string, times: number, read: (time: number) => Promise<readonly unknown[]>): Variant {
  return {
    name,
    run: async () => {
      const tookMs = await timeMs(async () => {
        for (let time = 0; time < times; time++) {
          const rows = await read(time)
          if (rows.length === 0) throw new Error(`${name}: nothing is read`)
        }
      })
      return { [name]: tookMs / times }
    },
  }
}

const rowsOf = async (strata: SongStrata, statement: Sql): Promise<readonly unknown[]> =>
  (await strata.query(statement)).rows

function topVariants(strata: SongStrata): readonly Variant[] {
  return [
    variantOf('topn_ms', 50, () => readTrending(strata)),
    variantOf('topn_raw_ms', 1, () => rowsOf(strata, sql.raw(rawTrending))),
  ]
}

function keyVariants(strata: SongStrata, standing: Standing, ids: readonly number[]): readonly Variant[] {
  const idAt = (time: number): number => ids[time % ids.length] ?? 0
  return [
    variantOf(`key_${standing}_ms`, ids.length, (time) => readKey(strata, idAt(time), '30 days')),
    variantOf(`key_${standing}_raw_ms`, ids.length, (time) =>
      rowsOf(strata, rawKey(idAt(time), sql`now() - interval '30 days'`)),
    ),
  ]
}

function readKey(strata: SongStrata, song: number, since: string | Date): Promise<readonly object[]> {
  return strata.rollups.song_plays.where({ song_id: song }).since(since).by('day').orderBy('day').rows()
}

function rawKey(song: number, since: Sql): Sql {
  return sql`
    select date_trunc('day', played_at, 'UTC') as day, count(*) as plays, sum(amount) as earnings, avg(duration_s) as seconds
    from plays
    where song_id = ${song} and played_at >= ${since}
    group by 1
    order by 1`
}

function wideVariants(strata: SongStrata, name: string): readonly Variant[] {
  const reader = strata.rollups.song_plays.since('7 days').by('song_id').measures('plays').orderBy('plays', 'desc')
  const view = sql`
    select song_id, sum(plays) as plays
    from song_plays
    where bucket >= date_trunc('hour', now() - interval '7 days')
    group by song_id
    order by plays desc
    limit 20`
  return [
    variantOf(`${name}_ms`, 1, () => reader.limit(20).rows()),
    variantOf(`${name}_view_ms`, 1, () => rowsOf(strata, view)),
  ]
}

async function chooseSongs(client: pg.Client): Promise<Readonly<Record<Standing, readonly number[]>>> {
  const { rows } = await client.query<{ song: number; plays: number; before: number }>(
    `select song_id as song, count(*)::float8 as plays,
      (sum(count(*)) over (order by count(*) desc, song_id) / sum(count(*)) over ())::float8 as before
    from plays
    where played_at >= now() - interval '30 days'
    group by song_id
    order by count(*) desc, song_id`,
  )
  const five = (from: number): readonly number[] => rows.slice(from, from + 5).map(({ song }) => song)
  return {
    popular: five(0),
    typical: five(rows.findIndex(({ before }) => before >= 0.5)),
    rare: five(Math.floor(rows.length / 2)),
  }
}

/** From an instant within a bucket, both ways: what is faster has to be right. */
async function checkSame(strata: SongStrata, ids: readonly number[]): Promise<void> {
  const since = new Date(Date.now() - 30 * 86_400_000)
  for (const id of ids) {
    const ours = await readKey(strata, id, since)
    const theirs = await rowsOf(strata, rawKey(id, sql`${since}::timestamptz`))
    const text = (rows: readonly unknown[]): string => JSON.stringify(rows)
    const plain = (rows: readonly object[]): readonly unknown[] =>
      rows.map((row) =>
        Object.values(row).map((value: unknown) => (value instanceof Date ? value.getTime() : Number(value))),
      )
    if (text(plain(ours)) !== text(plain(theirs as readonly object[]))) {
      throw new Error('The rollup and its table say different things')
    }
  }
}
