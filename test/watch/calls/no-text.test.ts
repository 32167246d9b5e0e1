// What pg is given without a text: it runs by its name or is refused by pg, and whoever observes the pool hears of it as it is.

import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { StrataPool } from '../../../src/db/pool/strata-pool.ts'
import { DatabasePerformanceMonitor } from '../../../src/watch/index.ts'
import { useDatabase } from '../../support/postgres.ts'

const database = useDatabase(18)

test.each([
  ['a pg.Pool', (connectionString: string) => new pg.Pool({ connectionString, max: 1 })],
  ['a StrataPool', (connectionString: string) => new StrataPool({ connectionString, max: 1 })],
])('%s: what has no text ends as it does without a monitor, and nothing else does', async (_, open) => {
  const pool = open(database().url)
  onTestFinished(() => pool.end())
  const monitor = new DatabasePerformanceMonitor(pool)
  onTestFinished(() => monitor.close())
  for (const config of [{}, { values: [1] }]) {
    await expect(pool.query(config as pg.QueryConfig)).rejects.toThrow('A query must have')
  }
  await pool.query({ name: 'known', text: 'select $1::int4 as n', values: [1] })
  expect((await pool.query('select 1 as n')).rows).toEqual([{ n: 1 }])
  expect(monitor.getStats().count).toBe(4)
  expect(monitor.getStats().errors).toBe(2)
})
