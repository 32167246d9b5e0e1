import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { leftOut } from './test/support/left-out.ts'

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
  'test/server/{access,fuzz,prometheus,strata}.test.ts',
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
const fast = process.env['PGSTRATA_FAST'] === '1'
const soak = process.env['PGSTRATA_SOAK'] === '1'

export default defineConfig({
  resolve: {
    alias: [
      { find: /^pgstrata$/, replacement: source('index.ts') },
      { find: 'pgstrata/live-client/node', replacement: source('live-client/node.ts') },
      { find: /^pgstrata\/([a-z-]+)$/, replacement: source('$1/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [
      '**/node_modules/**',
      ...(fast ? slow : []),
      ...leftOut(fileURLToPath(new URL('.', import.meta.url)), process.env['PGSTRATA_SKIP']),
    ],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: soak ? 3_600_000 : 60_000,
    hookTimeout: 120_000,
    retry: 0,
  },
})
