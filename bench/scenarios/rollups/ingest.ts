// What a rollup costs those who write: the same batches into three tables that differ only in the rollups on them, none, one
// and three. Each run is short and has the runs it is compared with beside it; before each, what was pending is merged and
// cleared away, and a checkpoint is made. Nobody merges meanwhile, but for the runs that say so.

import pg from 'pg'
import { avg, count, openStrata, resolveConfig, sum, type RollupsConfig, type Strata } from 'pgstrata'
import type { EmbeddedCluster } from 'pgstrata/embedded'
import { measureRounds, timeMs, type Variant } from '../../harness/rounds.ts'
import type { BenchContext, Comparison } from '../../harness/scenario.ts'
import { withClient } from '../../support/with-client.ts'
import { hourlyBySong } from './declaration.ts'
import { figuresOf, type Part } from '../../harness/part.ts'
import { createBatches, createPlays, insertBatch, loadPlays, type Batch } from './plays.ts'

/** Rows of a statement, and how many statements of it each writer sends in a run: about half a second. */
const batches = [
  { rows: 1, statements: 1_500 },
  { rows: 100, statements: 150 },
  { rows: 1_000, statements: 20 },
] as const
const mostWriters = 4
const tables = { none: 'plays_none', one: 'plays_one', three: 'plays_three' } as const
type Load = keyof typeof tables

const rollups: RollupsConfig = {
  songs_one: { ...hourlyBySong, from: tables.one },
  songs_three: { ...hourlyBySong, from: tables.three },
  artists_three: {
    from: tables.three,
    time: 'played_at',
    bucket: '1 day',
    by: ['artist_id'],
    measures: { plays: count(), earnings: sum('amount') },
  },
  strategies_three: {
    from: tables.three,
    time: 'played_at',
    bucket: '1 hour',
    by: ['strategy'],
    measures: { plays: count(), seconds: avg('duration_s') },
  },
}

export interface IngestSizes {
  /** Of the runs with two writers, one rollup. */
  readonly rounds: number
  readonly otherRounds: number
  /** Of the statements of a run, these. */
  readonly share: number
  /** Rows that are there at the beginning. */
  readonly loaded: number
  /** Of a run during which somebody merges once a second. */
  readonly mergingMs: number
}

interface Bench {
  readonly strata: Strata
  readonly admin: pg.Client
  readonly writers: readonly pg.Client[]
}

export async function measureIngest(
  cluster: EmbeddedCluster,
  sizes: IngestSizes,
  context: BenchContext,
): Promise<Part> {
  const url = await cluster.createDatabase('ingest')
  const strata = openStrata(
    resolveConfig<unknown>({ database: { primary: url }, rollups }, { root: '.', name: 'bench' }),
  )
  const writers = Array.from({ length: mostWriters }, () => new pg.Client(url))
  try {
    await Promise.all(writers.map((client) => client.connect()))
    return await withClient(url, async (admin) => {
      await prepare(admin, strata, sizes.loaded)
      return await measure({ strata, admin, writers }, sizes, context)
    })
  } finally {
    await Promise.all([strata.close(), ...writers.map((client) => client.end())])
    await cluster.dropDatabase('ingest')
  }
}

async function prepare(admin: pg.Client, strata: Strata, loaded: number): Promise<void> {
  for (const table of Object.values(tables)) {
    await admin.query(createPlays(table))
    await loadPlays(admin, table, loaded)
  }
  await strata.apply()
  for (const name of Object.keys(rollups)) await strata.rollup.fill(name)
  await admin.query('vacuum analyze')
}

/** One comparison: a load beside none, by so many writers. */
interface Case {
  readonly name: string
  readonly title: string
  readonly load: Load
  readonly rows: number
  readonly writers: number
  readonly rounds: number
  readonly work: Work
}

type Work = { readonly statements: number } | { readonly mergingMs: number }

function casesOf({ rounds, otherRounds, share, mergingMs }: IngestSizes): readonly Case[] {
  const plain = batches.flatMap(({ rows, statements }): Case[] => {
    const shared = { rows, rounds: otherRounds, work: { statements: Math.ceil(statements * share) } }
    const shown = rows === 1 ? 'one row a statement' : `${rows.toLocaleString('en-US')} rows a statement`
    const name = `ingest_${rows}`
    return [
      { ...shared, name, title: `${shown}, one rollup, 2 writers`, load: 'one', writers: 2, rounds },
      { ...shared, name: `${name}_writer`, title: '… 1 writer', load: 'one', writers: 1 },
      { ...shared, name: `${name}_writers`, title: `… ${mostWriters} writers`, load: 'one', writers: mostWriters },
      { ...shared, name: `${name}_three`, title: '… three rollups, 2 writers', load: 'three', writers: 2 },
    ]
  })
  const merging: Case = {
    name: 'ingest_100_merging',
    title: '100 rows a statement, one rollup that is merged every second, 2 writers',
    load: 'one',
    rows: 100,
    writers: 2,
    rounds: otherRounds,
    work: { mergingMs },
  }
  return [...plain, merging]
}

async function measure(bench: Bench, sizes: IngestSizes, { signal, progress }: BenchContext): Promise<Part> {
  const cases = casesOf(sizes)
  const samples = new Map<string, readonly number[]>()
  for (const one of cases) {
    const variants = [
      variantOf(bench, one, one.load, `${one.name}_us`),
      variantOf(bench, one, 'none', `${one.name}_none_us`),
    ]
    await measureRounds(variants, { rounds: 1, signal, progress: () => undefined })
    const measured = await measureRounds(variants, { rounds: one.rounds, signal, progress })
    for (const [name, values] of measured) samples.set(name, values)
  }
  return {
    figures: figuresOf(
      samples,
      Object.fromEntries(
        cases.flatMap(({ name, title }) => [`${name}_us`, `${name}_none_us`].map((figure) => [figure, ['us', title]])),
      ),
    ),
    comparisons: Object.fromEntries(
      cases.map(({ name, title }): [string, Comparison] => [
        name,
        { title, ours: `${name}_us`, theirs: `${name}_none_us` },
      ]),
    ),
  }
}

/** Microseconds of a row. */
function variantOf(bench: Bench, { rows, writers, work }: Case, load: Load, figure: string): Variant {
  const table = tables[load]
  let round = 0
  return {
    name: figure,
    run: async () => {
      round++
      await settle(bench)
      const clients = bench.writers.slice(0, writers)
      // Made before anything is timed. Without a number of statements they are sent in turn, over and over.
      const count = 'statements' in work ? work.statements : 500
      const sets = clients.map((_, index) => createBatches(round * 10 + index, count, rows))
      let sent = 0
      const writing = (untilMs: number) => async (): Promise<void> => {
        await Promise.all(
          clients.map(async (client, index) => {
            const own = await write(client, table, { set: sets[index] ?? [], untilMs })
            sent += own
          }),
        )
      }
      const tookMs =
        'statements' in work
          ? await timeMs(writing(0))
          : await whileMerging(bench.strata, () => timeMs(writing(performance.now() + work.mergingMs)))
      return { [figure]: (tookMs * 1_000) / (sent * rows) }
    },
  }
}

/** The statements of a set once, and on until then; how many that were. */
async function write(
  client: pg.Client,
  table: string,
  { set, untilMs }: { readonly set: readonly Batch[]; readonly untilMs: number },
): Promise<number> {
  let sent = 0
  do {
    for (const batch of set) {
      await insertBatch(client, table, { batch, overSeconds: 600 })
      sent++
      if (untilMs > 0 && performance.now() >= untilMs) return sent
    }
  } while (untilMs > 0)
  return sent
}

async function settle({ strata, admin }: Bench): Promise<void> {
  for (const name of Object.keys(rollups)) {
    await strata.rollup.merge(name)
    await admin.query(`vacuum pgstrata.${name}_delta`)
  }
  await admin.query('checkpoint')
}

async function whileMerging<T>(strata: Strata, work: () => Promise<T>): Promise<T> {
  const stopping = new AbortController()
  const merging = (async () => {
    while (!stopping.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      await strata.rollup.merge('songs_one')
    }
  })()
  try {
    return await work()
  } finally {
    stopping.abort()
    await merging
  }
}
