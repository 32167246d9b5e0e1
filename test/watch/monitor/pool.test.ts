// A pool that is full is told of within a second, once, and again after a minute; an idle one never.

import { describe, expect, test } from 'vitest'
import type { PoolStats } from '../../../src/watch/index.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { useDatabase } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { openPool, poolKinds, watchPool } from './support.ts'

describe.each(poolKinds)('of %s', (kind) => {
  const database = useDatabase(18)

  test('a full pool is warned of when it becomes full, once a minute while it is, and anew when it fills again', async () => {
    const clock = fakeClock()
    const pool = openPool(kind, database().url, 4)
    const monitor = watchPool(pool, { clock, thresholds: { connectionPoolWarning: 75 } })
    const warnings: PoolStats[] = []
    monitor.on('poolWarning', (stats) => void warnings.push(stats))
    const clients = [await pool.connect(), await pool.connect()]
    clock.advance(5_000)
    expect(warnings).toEqual([])
    clients.push(await pool.connect())
    clock.advance(1_000)
    expect(warnings).toEqual([{ total: 3, idle: 0, active: 3, waiting: 0, max: 4, utilization: 75, threshold: 75 }])
    clock.advance(59_000)
    expect(warnings).toHaveLength(1)
    clock.advance(2_000)
    expect(warnings).toHaveLength(2)
    clients.pop()?.release()
    clock.advance(1_000)
    clients.push(await pool.connect())
    clock.advance(1_000)
    expect(warnings).toHaveLength(3)
    for (const client of clients) client.release()
  })

  test('somebody who waits is a warning, whatever the threshold', async () => {
    const clock = fakeClock()
    const pool = openPool(kind, database().url, 1)
    const monitor = watchPool(pool, { clock, thresholds: { connectionPoolWarning: 100 } })
    const warnings: PoolStats[] = []
    monitor.on('poolWarning', (stats) => void warnings.push(stats))
    const client = await pool.connect()
    const waiting = pool.query('select 1')
    await waitUntil(() => pool.waitingCount === 1, { what: 'a waiter' })
    clock.advance(1_000)
    expect(warnings).toMatchObject([{ waiting: 1, utilization: 100 }])
    client.release()
    await waiting
    clock.advance(120_000)
    expect(warnings).toHaveLength(1)
  })

  test('its state is told of every five seconds, and not after close()', async () => {
    const clock = fakeClock()
    const pool = openPool(kind, database().url)
    const monitor = watchPool(pool, { clock })
    const told: PoolStats[] = []
    monitor.on('poolStats', (stats) => void told.push(stats))
    await pool.query('select 1')
    clock.advance(20_000)
    expect(told).toHaveLength(4)
    expect(told[0]).toEqual({ total: 1, idle: 1, active: 0, waiting: 0, max: 4, utilization: 0 })
    await monitor.close()
    clock.advance(20_000)
    expect(told).toHaveLength(4)
  })
})
