// `database` of a configuration: what is accepted, what a pool is made with, and what is refused with which path.

import { expect, test } from 'vitest'
import { defineConfig, resolveConfig, type ResolvedConfig, type StrataConfig } from '../../src/config/index.ts'
import { openStrata } from '../../src/strata.ts'

const primary = 'postgres://app:hunter2@db.example:5433/app'
const read = 'postgres://app:hunter2@read.example:5433/app'
const analytics = 'postgres://app:hunter2@analytics.example:5433/app'
const resolve = (database: unknown, fallbackUrl?: string): ResolvedConfig =>
  resolveConfig({ database }, { root: '/project', name: 'pgstrata.config.ts', fallbackUrl })

test('replicas, pools and routes become the configuration of a pool, complete and frozen', () => {
  const config = defineConfig({
    database: {
      primary,
      replicas: [
        { url: read, routes: ['read'], maxLag: '50ms' },
        { url: analytics, routes: ['read', 'analytics'], maxLag: '50ms', pool: { max: 30 } },
      ],
      pool: {
        max: 50,
        min: 5,
        connectTimeout: '1s',
        idleTimeout: '10s',
        queryTimeout: '5s',
        statementTimeout: '10s',
      },
    },
  })
  const shared = {
    min: 5,
    idleTimeoutMillis: 10_000,
    connectionTimeoutMillis: 1_000,
    query_timeout: 5_000,
    statement_timeout: 10_000,
    maxUses: 0,
    maxLifetimeSeconds: 0,
  }
  const { pool } = resolve(config.database)
  expect(pool).toEqual({
    ...shared,
    connectionString: primary,
    max: 50,
    routes: ['write'],
    replicas: [
      { ...shared, connectionString: read, max: 50, name: 'replica-1', routes: ['read'], maxLag: 50 },
      { ...shared, connectionString: analytics, max: 30, name: 'replica-2', routes: ['read', 'analytics'], maxLag: 50 },
    ],
    maxWaiting: 1_000,
    warnAt: 0.8,
    leakAfter: 0,
    drainTimeout: 0,
    queries: {},
    settings: {},
    consistency: 'process',
    readWait: 20,
    sampleEvery: 25,
    readFunctions: [],
  })
  expect(Object.isFrozen(pool.replicas[0]?.routes)).toBe(true)
})

test('the short form is ten connections to one server', () => {
  expect(resolve({ primary }).pool).toMatchObject({
    connectionString: primary,
    max: 10,
    min: 0,
    idleTimeoutMillis: 10_000,
    connectionTimeoutMillis: 5_000,
    replicas: [],
  })
})

test('what the primary says of its connections holds for it alone', () => {
  const { pool, database } = resolve({
    primary: { url: primary, routes: ['write', 'read'], pool: { max: 4, statementTimeout: '1 min' } },
    replicas: [{ url: read, name: 'berlin', pool: { max: 2 } }],
    pool: { max: 20, min: 3 },
  })
  expect(database).toMatchObject({ primary, direct: primary })
  expect(pool).toMatchObject({ max: 4, min: 3, statement_timeout: 60_000, routes: ['write', 'read'] })
  expect(pool.replicas).toMatchObject([{ name: 'berlin', max: 2, min: 2, statement_timeout: 0 }])
})

test('classes of queries, settings of routes and consistency reach the pool', async () => {
  const database: StrataConfig['database'] = {
    primary,
    queries: { portfolio_queries: 'read', balance_sync: 'write', risk_analytics: 'analytics' },
    settings: { analytics: { max_parallel_workers_per_gather: 4, parallel_tuple_cost: 0.1, work_mem: '256MB' } },
    consistency: 'eventual',
    readWait: '5ms',
    readFunctions: ['app.price'],
  }
  const config = resolve(database)
  expect(config.pool).toMatchObject({ consistency: 'eventual', readWait: 5, readFunctions: ['app.price'] })
  expect(config.pool.settings).toEqual(database.settings)
  const strata = openStrata(config)
  expect(strata.explainRouting({ text: 'select 1', route: 'balance_sync' })).toMatchObject({ route: 'write' })
  expect(strata.explainRouting({ text: 'select 1', route: 'risk_analytics' })).toMatchObject({ route: 'analytics' })
  expect(strata.pool.totalCount).toBe(0)
  await strata.close()
  await strata.close()
})

const unset = 'expected string, got nothing (is the environment variable it comes from set?)'

test.each([
  [{ primary, replicas: [{ url: undefined }] }, `database.replicas[0].url: ${unset}`],
  [{ primary: { url: undefined } }, `database.primary.url: ${unset}`],
  [{ primary: undefined, replicas: [] }, `database.primary: ${unset}`],
  [{ primary: { url: primary, pol: {} } }, 'database.primary.pol: there is no such key (docs/config.md lists them)'],
  [
    { primary: { url: primary, routes: ['all'] } },
    'database.primary.routes[0]: expected "write" or "read" or "analytics", got "all"',
  ],
  [
    { primary, replicas: [{ url: read, routes: ['write'] }] },
    'database.replicas[0].routes[0]: expected "read" or "analytics", got "write"',
  ],
  [
    { primary, replicas: [{ url: read, maxLag: 'none' }] },
    "database.replicas[0].maxLag: Not a quantity: expected a duration such as '50ms', '10s', '5 min' or '30 days', got \"none\"",
  ],
  [{ primary, pool: { max: 0 } }, 'database.pool.max: Too small: expected number to be >=1, got 0'],
  [{ primary, pool: { max: 2, min: 3 } }, 'database.pool.min: expected at most max, 2, got 3'],
  [{ primary, queries: { read: 'write' } }, 'database.queries.read: expected a name that is not itself a route'],
  [
    { primary, queries: { sync: 'wrote' } },
    'database.queries.sync: expected "write" or "read" or "analytics", got "wrote"',
  ],
  [
    { primary, settings: { read: { 'work mem': 1 } } },
    'database.settings.read.work mem: expected the name of a setting of PostgreSQL',
  ],
  [
    {
      primary,
      replicas: [
        { url: read, name: 'a' },
        { url: analytics, name: 'a' },
      ],
    },
    'database.replicas[1].name: expected a name of its own, got "a" once more',
  ],
])('%j is refused with its path', (database, complaint) => {
  expect(() => resolve(database)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: `pgstrata.config.ts: ${complaint}` }),
  )
})

test.each([
  [{ primary, replicas: [{ url: primary }] }, '[0]', 'primary'],
  [{ primary, replicas: [{ url: primary.replace('app:hunter2', 'reader:other') }] }, '[0]', 'primary'],
  [{ primary: read, direct: primary, replicas: [{ url: primary }] }, '[0]', 'direct'],
  [{ primary, replicas: [{ url: read }, { url: read }] }, '[1]', 'replicas[0]'],
])('a server named twice is refused at load, without its password: %#', (database, at, twin) => {
  expect(() => resolve(database)).toThrow(
    expect.objectContaining({
      code: 'NODE_REFUSED',
      message: expect.stringContaining(`: database.replicas${at}.url: is the same server as database.${twin}, `),
    }),
  )
})

test('the password is in none of these complaints', () => {
  const refuse = (): unknown => resolve({ primary, replicas: [{ url: primary }, { url: 'mysql://app:hunter2@x/y' }] })
  expect(refuse).toThrow(expect.objectContaining({ message: 'pgstrata.config.ts has 2 mistakes' }))
  try {
    refuse()
  } catch (error) {
    expect(JSON.stringify(error)).not.toContain('hunter2')
  }
})

test('where another URL stands in for the primary, replicas without one are left out', () => {
  const { pool } = resolve({ primary: undefined, replicas: [{ url: undefined }, { url: read }] }, primary)
  expect(pool).toMatchObject({ connectionString: primary, replicas: [{ connectionString: read }] })
  const long = resolve({ primary: { url: undefined, pool: { max: 3 } } }, primary)
  expect(long.pool).toMatchObject({ connectionString: primary, max: 3 })
})

test('a typo is an error as it is written, also in a list and in the long form', () => {
  // @ts-expect-error there is no such key in a replica
  defineConfig({ database: { primary, replicas: [{ url: read, maxlag: '1s' }] } })
  // @ts-expect-error there is no such key in the long form
  defineConfig({ database: { primary: { url: primary, route: ['write'] } } })
  // @ts-expect-error a replica takes no writes
  defineConfig({ database: { primary, replicas: [{ url: read, routes: ['write'] }] } })
  const config = defineConfig({ database: { primary: { url: primary }, replicas: [{ url: process.env['READ_URL'] }] } })
  expect(config.database.primary.url).toBe(primary)
})
