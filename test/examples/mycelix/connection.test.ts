// src/db/connection.ts, as whoever imports it finds it: a pool on DATABASE_URL, and nothing of the demo in its background.

import { expect, onTestFinished, test, vi } from 'vitest'
import { useFilled } from './filled.ts'

const filled = useFilled(18)

test('one pool, on the database that the environment names', async () => {
  vi.stubEnv('DATABASE_URL', filled().url)
  vi.resetModules()
  const { pool, strata } = await import('../../../examples/mycelix/src/db/connection.ts')
  const { default: config } = await import('../../../examples/mycelix/pgstrata.config.ts')
  onTestFinished(async () => {
    await strata.close()
    vi.unstubAllEnvs()
    vi.resetModules()
  })
  const { rows } = await pool.query('select current_database() as name, total_songs from mv_platform_stats')
  expect(rows).toEqual([{ name: new URL(filled().url).pathname.slice(1), total_songs: '0' }])
  expect(pool).toBe(strata.pool)
  // Plays are made up on the embedded server alone.
  expect(config.jobs.own).toEqual({})
})
