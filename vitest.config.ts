import { fileURLToPath } from 'node:url'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import { leftOut } from './test/support/left-out.ts'
import { LongestFirst } from './test/support/longest-first.ts'

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url))

const slowRollups = [
  'test/rollups/{applied,bad-input,changed,changed-model,command,converted,foreign-hands,large,merging,model}.test.ts',
  'test/rollups/{levels-declared,odd-names,replica-writes,status,subscriber,traps,traps-in-flight,values-applied}.test.ts',
]

/** `npm run test:fast`: left to `npm test`, because they kill, wait, start clusters or pack the package. */
const slow = [
  'test/cli/**',
  'test/embedded/**',
  'test/repo/{api,bench,docs,package}.test.ts',
  'test/db/orm/**',
  'test/db/{lsn,node-probes,pgbouncer-ini,refusals}.test.ts',
  'test/db/pool/{bad-input,balanced-address,causal-model,failover,own-failures,pool-life,prepared}.test.ts',
  'test/db/pool/{query-timeout,routing,sessions,settings,tokens}.test.ts',
  'test/db/query/{pgbouncer,routing}.test.ts',
  'test/examples/wedefi/{alerts-kill,monitoring}.test.ts',
  'test/examples/streamr/prober-kill.test.ts',
  'test/advise/{checks,insights,slow}/**',
  'test/advise/suggest/{hypopg,shapes}.test.ts',
  'test/backup/{bucket,command,point-in-time,repository,roles,takeover}.test.ts',
  'test/server/{access,fuzz,health-ways,prometheus,strata,two-processes}.test.ts',
  'test/sql/classify-replica.test.ts',
  'test/watch/{roles,watching}.test.ts',
  'test/watch/calls/{pg-stat-statements,replicas}.test.ts',
  'test/watch/{faults,probes,sampler,store}/**',
  'test/watch/rules/{kill,strata}.test.ts',
  'test/watch/prometheus/promtool.test.ts',
  'test/cache/{outage,processes,query,sessions,silence}.test.ts',
  'test/catalog/dump-{oracle,speed,sensitivity}.test.ts',
  'test/changes/feed/{consumer,model,server,strata}.test.ts',
  'test/{live/{between,replica,rollup},live-client/browser}.test.ts',
  'test/migrate/{backfill,disk-full,interrupt,kill,lint-claims,live,locks,role-timeouts,scratch,two-runners}.test.ts',
  'test/maintain/{cut-anywhere,runs,server,silence,two-daemons,upkeep}.test.ts',
  'test/partitions/{drain,drain-kill,pg-cron,retire-kill,retire-traffic}.test.ts',
  'test/partitions/convert/**',
  'test/tiers/{disk-full,kill}.test.ts',
  ...slowRollups,
]

/**
 * These look at their process: what is loaded in it, who listens to its channels, its memory, its API of telemetry, what it leaves
 * when it ends. They have it to themselves, and so have the slow ones of rollups. All others share one, so that the library is
 * loaded once for many of them.
 */
const alone = [
  ...slowRollups,
  'test/{embedded,otel,repo,types}/**',
  'test/server/{fuzz,prometheus}.test.ts',
  'test/sql/classify.test.ts',
  'test/{live,rollups}/large.test.ts',
  'test/live-client/browser.test.ts',
  'test/watch/{calls,monitor,sampler}/**',
  'test/cli/top.test.ts',
  'test/watch/watching.test.ts',
  'test/watch/rules/strata.test.ts',
]

/**
 * These mostly wait: for a bound of the product to pass, for servers and processes to end and to start. They run first, twice as
 * many at once as there are workers otherwise, each in a process of its own. None of them counts what all sessions of a server do.
 */
const waiting = [
  'test/advise/checks/deep.test.ts',
  'test/backup/{bucket,command,point-in-time,repository,roles,takeover}.test.ts',
  'test/cache/{outage,processes,query,silence}.test.ts',
  'test/changes/feed/consumer.test.ts',
  'test/cli/serve.test.ts',
  'test/db/orm/lagging-replicas.test.ts',
  'test/db/pool/{balanced-address,pool-life,query-timeout,settings}.test.ts',
  'test/embedded/{killed-owner,lifecycle,replicas}.test.ts',
  'test/examples/wedefi/monitoring.test.ts',
  'test/maintain/{cleanup,optimize,runs,server,silence,two-daemons,upkeep}.test.ts',
  'test/migrate/{interrupt,role-timeouts}.test.ts',
  'test/partitions/maintain-guards.test.ts',
  'test/partitions/convert/pace.test.ts',
  'test/server/{health-ways,strata,two-processes}.test.ts',
  'test/watch/looking.test.ts',
  'test/watch/faults/*.test.ts',
  'test/watch/monitor/slow-queries.test.ts',
  'test/watch/rules/kill.test.ts',
]

const workers = Number(process.env['PGSTRATA_WORKERS'] ?? 2)
const fast = process.env['PGSTRATA_FAST'] === '1'
const soak = process.env['PGSTRATA_SOAK'] === '1'

const left = [
  '**/node_modules/**',
  ...(fast ? slow : []),
  ...leftOut(fileURLToPath(new URL('.', import.meta.url)), process.env['PGSTRATA_SKIP']),
]

interface Share {
  readonly name: string
  /** A process for each file. */
  readonly isolate: boolean
  readonly include: string[]
  readonly exclude: string[]
  /** Shares of a lower one have ended when it begins. */
  readonly order: number
  readonly maxWorkers: number
}

function project({ name, isolate, include, exclude, order, maxWorkers }: Share): TestProjectInlineConfiguration {
  return {
    resolve: {
      alias: [
        { find: /^pgstrata$/, replacement: source('index.ts') },
        { find: 'pgstrata/live-client/node', replacement: source('live-client/node.ts') },
        { find: /^pgstrata\/([a-z-]+)$/, replacement: source('$1/index.ts') },
      ],
    },
    test: {
      name,
      isolate,
      include,
      exclude: [...left, ...exclude],
      maxWorkers,
      pool: 'forks',
      testTimeout: soak ? 3_600_000 : 180_000,
      hookTimeout: 120_000,
      retry: 0,
      sequence: { groupOrder: order },
    },
  }
}

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    sequence: { sequencer: LongestFirst },
    projects: [
      project({ name: 'waiting', isolate: true, include: waiting, exclude: [], order: 0, maxWorkers: workers * 2 }),
      project({
        name: 'alone',
        isolate: true,
        include: alone.map(testsOf),
        exclude: waiting,
        order: 1,
        maxWorkers: workers,
      }),
      project({
        name: 'shared',
        isolate: false,
        include: ['test/**/*.test.ts'],
        exclude: [...alone, ...waiting],
        order: 1,
        maxWorkers: workers,
      }),
    ],
  },
})

/** 'test/cli/**' → the tests in there. */
function testsOf(pattern: string): string {
  return pattern.endsWith('/**') ? `${pattern}/*.test.ts` : pattern
}
