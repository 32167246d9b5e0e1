import { fileURLToPath } from 'node:url'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import { leftOut } from './test/support/left-out.ts'
import { LongestFirst } from './test/support/longest-first.ts'

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url))

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
  'test/advise/{checks,insights,slow}/**',
  'test/advise/suggest/{hypopg,shapes}.test.ts',
  'test/server/{access,fuzz,health-ways,prometheus,strata,two-processes}.test.ts',
  'test/sql/classify-replica.test.ts',
  'test/watch/{roles,watching}.test.ts',
  'test/watch/calls/{pg-stat-statements,replicas}.test.ts',
  'test/watch/{faults,probes,sampler,store}/**',
  'test/watch/rules/{kill,strata}.test.ts',
  'test/watch/prometheus/promtool.test.ts',
  'test/cache/{outage,processes,query,sessions,silence}.test.ts',
  'test/catalog/dump-{oracle,size,speed,sensitivity}.test.ts',
  'test/changes/feed/{consumer,model,server,strata}.test.ts',
  'test/{live/{between,replica,rollup},live-client/browser}.test.ts',
  'test/migrate/{backfill,disk-full,interrupt,kill,lint-claims,live,locks,role-timeouts,scratch,two-runners}.test.ts',
  'test/maintain/{cut-anywhere,runs,server,silence,two-daemons,upkeep}.test.ts',
  'test/partitions/{drain,pg-cron,retire-kill,retire-traffic}.test.ts',
  'test/partitions/convert/**',
  'test/rollups/{applied,bad-input,changed,changed-model,command,converted,foreign-hands,large,merging,model}.test.ts',
  'test/rollups/{levels-declared,odd-names,replica-writes,status,subscriber,traps,traps-in-flight,values-applied}.test.ts',
]

/**
 * These look at their process: what is loaded in it, who listens to its channels, its memory, its API of telemetry. Like the slow
 * ones they have it to themselves. All others share one, so that the library is loaded once for many of them.
 */
const alone = [
  'test/{otel,repo,types}/**',
  'test/sql/classify.test.ts',
  'test/{live,rollups}/large.test.ts',
  'test/live-client/browser.test.ts',
  'test/watch/calls/**',
  'test/watch/monitor/**',
]

const fast = process.env['PGSTRATA_FAST'] === '1'
const soak = process.env['PGSTRATA_SOAK'] === '1'

const left = [
  '**/node_modules/**',
  ...(fast ? slow : []),
  ...leftOut(fileURLToPath(new URL('.', import.meta.url)), process.env['PGSTRATA_SKIP']),
]

function project(name: string, isolate: boolean, include: string[], exclude: string[]): TestProjectInlineConfiguration {
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
      pool: 'forks',
      testTimeout: soak ? 3_600_000 : 60_000,
      hookTimeout: 120_000,
      retry: 0,
    },
  }
}

export default defineConfig({
  test: {
    globalSetup: ['test/support/global-setup.ts'],
    maxWorkers: Number(process.env['PGSTRATA_WORKERS'] ?? 2),
    sequence: { sequencer: LongestFirst },
    projects: [
      project('alone', true, [...slow, ...alone].map(testsOf), []),
      project('shared', false, ['test/**/*.test.ts'], [...slow, ...alone]),
    ],
  },
})

/** 'test/cli/**' → the tests in there. */
function testsOf(pattern: string): string {
  return pattern.endsWith('/**') ? `${pattern}/*.test.ts` : pattern
}
