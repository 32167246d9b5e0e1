// The pgbouncer.ini of the original design, taken by a real PgBouncer: the queries of the app go through it.

import { expect, onTestFinished, test, describe } from 'vitest'
import { OptimizedQueries } from '../../../examples/mycelix/src/db/optimized-queries.ts'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { startPgBouncer } from '../../support/pgbouncer.ts'
import { useFilled } from './filled.ts'

describe('the code blocks of the original design', () => {
  const filled = useFilled(18, { plays: 500 })

  test('Connection pooling', async () => {
    const server = new URL(filled().url)
    const where = `host=${server.hostname} port=${server.port} dbname=${server.pathname.slice(1)}`
    const ini = `[databases]
mycelix = ${where}

[pgbouncer]
pool_mode = transaction
max_client_conn = 1000
default_pool_size = 25
`
    const target = Object.assign(new URL(filled().url), { pathname: '/mycelix' }).href
    const pooler = await startPgBouncer(target, 'transaction', { ini })
    onTestFinished(() => pooler.close())
    const pool = new StrataPool({ connectionString: pooler.url, max: 40 })
    onTestFinished(() => pool.end())
    const queries = new OptimizedQueries(pool)
    const all = await Promise.all(Array.from({ length: 40 }, () => queries.getPlatformStats()))
    expect(new Set(all.map((stats) => stats.total_plays))).toEqual(new Set([500]))
  })
})
