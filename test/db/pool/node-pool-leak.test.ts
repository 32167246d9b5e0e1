// Clients that are taken and not given back.

import { describe, expect, test } from 'vitest'
import type { NodePool, PooledClient } from '../../../src/db/pool/connections/node-pool.ts'
import { useDatabase } from '../../support/postgres.ts'
import { fakeClock } from '../../support/fake-clock.ts'
import { acquire, openPool } from './node-pool-support.ts'

async function forgetful(pool: NodePool): Promise<PooledClient> {
  return await acquire(pool, new Error('taken here'))
}

describe('a client that is held for long', () => {
  const database = useDatabase(18)

  test('is reported once, with the stack of who took it', async () => {
    const clock = fakeClock()
    const { pool, told } = openPool(database().url, { clock, leakAfterMs: 5_000 })
    const client = await forgetful(pool)
    clock.advance(4_999)
    expect(told.leaks).toEqual([])
    clock.advance(51)
    expect(told.leaks).toMatchObject([{ node: 'primary', heldMs: expect.closeTo(5_025, 0) }])
    expect(told.leaks[0]?.stack).toContain('forgetful')
    expect(told.leaks[0]?.stack).toContain('node-pool-leak.test')
    clock.advance(60_000)
    expect(told.leaks).toHaveLength(1)
    pool.release(client)
    // Each time it is taken counts anew, also from idle and out of the queue.
    const again = pool.take({ stack: 'at once' })
    const waiting = [acquire(pool), acquire(pool, { stack: 'after a wait' })]
    clock.advance(4_000)
    const other = await waiting[0]
    if (again === undefined || other === undefined) throw new Error('no client')
    pool.release(other)
    await waiting[1]
    clock.advance(1_100)
    expect(told.leaks.slice(1)).toMatchObject([{ stack: 'at once' }])
    clock.advance(4_000)
    expect(told.leaks.slice(2)).toMatchObject([{ stack: 'after a wait', heldMs: expect.closeTo(5_025, 0) }])
  })

  test('is not reported when it came back in time, when it was taken without a holder, or when that is off', async () => {
    const clock = fakeClock()
    const { pool, told } = openPool(database().url, { clock, leakAfterMs: 5_000 })
    pool.release(await forgetful(pool))
    await acquire(pool)
    clock.advance(60_000)
    expect(told.leaks).toEqual([])
    const off = openPool(database().url, { clock })
    await forgetful(off.pool)
    clock.advance(60_000)
    expect(off.told.leaks).toEqual([])
  })
})
