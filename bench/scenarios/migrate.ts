// 1,000 small migrations: ours against node-pg-migrate, both in this process, both on fresh databases of one durable
// cluster (fsync on). node-pg-migrate's own default is one transaction for all, which leaves out 999 commits and any
// chance to go on after a failure; with one each, as we work, it is a figure of its own.

import { runner } from 'node-pg-migrate'
import pg from 'pg'
import { openDb, openStrata, resolveConfig, sql } from 'pgstrata'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { measureRounds, timeMs, type Variant } from '../harness/rounds.ts'
import type { BenchContext, Scenario, ScenarioResult } from '../harness/scenario.ts'
import { writeMigrations, type MigrationFolders } from '../support/small-migrations.ts'
import { inTemporaryFolder } from '../support/temporary-folder.ts'

const sizes = { full: { migrations: 1_000, rounds: 7 }, quick: { migrations: 200, rounds: 2 } }
/** For the compiler of V8 and the parser's WASM: run once by each before anything is measured. */
const warmUpMigrations = 25

export const migrateScenario: Scenario = {
  name: 'migrate',
  title: 'Many small migrations',
  against: 'node-pg-migrate 9.0.0',
  goals: { vs_node_pg_migrate: { atLeast: 1 } },
  run: (context) =>
    inTemporaryFolder(async (folder) => {
      const cluster = await startCluster({ durable: true, signal: context.signal })
      try {
        return await measure(cluster, folder, context)
      } finally {
        await cluster.stop()
      }
    }),
}

async function measure(cluster: EmbeddedCluster, folder: string, context: BenchContext): Promise<ScenarioResult> {
  const { migrations, rounds } = context.quick ? sizes.quick : sizes.full
  const { signal, progress } = context
  const warmUp = variantsOf(cluster, await writeMigrations(`${folder}/warm-up`, warmUpMigrations), signal)
  await measureRounds(warmUp, { rounds: 1, signal, progress: () => undefined })
  const variants = variantsOf(cluster, await writeMigrations(`${folder}/measured`, migrations), signal)
  const samples = await measureRounds(variants, { rounds, signal, progress })

  const of = (name: string): readonly number[] => samples.get(name) ?? []
  const ms = (title: string, values: readonly number[]) => ({ title, unit: 'ms', samples: values }) as const
  const each = (name: string): readonly number[] => of(name).map((total) => total / migrations)
  const count = migrations.toLocaleString('en-US')
  return {
    postgres: cluster.version,
    figures: {
      ours_ms: ms(`${count} migrations`, of('ours_ms')),
      theirs_ms: ms(`${count} migrations, all in one transaction`, of('theirs_ms')),
      theirs_one_each_ms: ms(`${count} migrations, one transaction each`, of('theirs_one_each_ms')),
      ours_with_lint_ms: ms(`${count} migrations, with the lint gate`, of('ours_with_lint_ms')),
      ours_again_ms: ms('nothing left to do', of('ours_again_ms')),
      theirs_again_ms: ms('nothing left to do', of('theirs_again_ms')),
      ours_each_ms: ms('one migration', each('ours_ms')),
      theirs_each_ms: ms('one migration', each('theirs_ms')),
    },
    comparisons: {
      vs_node_pg_migrate: {
        title: `${count} migrations, its default: one transaction for all`,
        ours: 'ours_ms',
        theirs: 'theirs_ms',
      },
      vs_one_each: {
        title: `${count} migrations, one transaction each`,
        ours: 'ours_ms',
        theirs: 'theirs_one_each_ms',
      },
      with_lint: { title: `${count} migrations, ours linted first`, ours: 'ours_with_lint_ms', theirs: 'theirs_ms' },
      again: { title: 'a second run with nothing to do', ours: 'ours_again_ms', theirs: 'theirs_again_ms' },
      each: { title: 'one migration of those', ours: 'ours_each_ms', theirs: 'theirs_each_ms' },
    },
    notes: [
      'An empty database is built: ours share a transaction by fifties. What touches a live table commits by itself.',
    ],
  }
}

function variantsOf(cluster: EmbeddedCluster, folders: MigrationFolders, signal: AbortSignal): readonly Variant[] {
  const onFreshDatabase = (name: string, work: (url: string) => Promise<Record<string, number>>): Variant => ({
    name,
    run: async () => {
      const url = await cluster.createDatabase('measured')
      try {
        await settle(cluster)
        return await work(url)
      } finally {
        await cluster.dropDatabase('measured')
      }
    },
  })
  const ours = (url: string, lint: boolean): Promise<number> =>
    timeMs(() => migrateOurs(url, folders.ours, { lint, signal }))
  const theirs = (url: string, singleTransaction: boolean): Promise<number> =>
    timeMs(() => migrateTheirs(url, folders.theirs, singleTransaction))
  return [
    onFreshDatabase('ours', async (url) => ({
      ours_ms: await ours(url, false),
      ours_again_ms: await ours(url, false),
    })),
    onFreshDatabase('theirs', async (url) => ({
      theirs_ms: await theirs(url, true),
      theirs_again_ms: await theirs(url, true),
    })),
    onFreshDatabase('ours with lint', async (url) => ({ ours_with_lint_ms: await ours(url, true) })),
    onFreshDatabase('theirs, one transaction each', async (url) => ({ theirs_one_each_ms: await theirs(url, false) })),
  ]
}

/** What the run before left to be written must not be paid for by the next. */
async function settle(cluster: EmbeddedCluster): Promise<void> {
  const db = openDb({ url: cluster.primary.url() })
  try {
    await db.query(sql`checkpoint`)
  } finally {
    await db.close()
  }
}

async function migrateOurs(url: string, dir: string, options: { lint: boolean; signal: AbortSignal }): Promise<void> {
  const config = resolveConfig({ database: { primary: url }, migrations: { dir } }, { root: dir, name: 'bench' })
  const strata = openStrata(config)
  try {
    await strata.migrate.up(options)
  } finally {
    await strata.close()
  }
}

/** With a client of our own: left to itself, the tool does not wait until its connection has ended. */
async function migrateTheirs(url: string, dir: string, singleTransaction: boolean): Promise<void> {
  const dbClient = new pg.Client(url)
  await dbClient.connect()
  try {
    await runner({
      dbClient,
      dir,
      direction: 'up',
      migrationsTable: 'pgmigrations',
      singleTransaction,
      // Printing 2,000 lines is not what we compare.
      log: () => undefined,
    })
  } finally {
    await dbClient.end()
  }
}
