import { beforeAll, describe, expect, test } from 'vitest'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { acquireLease, holdsLease, releaseLease, renewLease } from '../../src/db/lease.ts'
import { transaction } from '../../src/db/transaction.ts'
import { sql } from '../../src/sql/sql.ts'
import { useDatabase, versions } from '../support/postgres.ts'

const hour = 3_600_000

describe.each(versions)('a lease on PostgreSQL %d', (version) => {
  const database = useDatabase(version)
  beforeAll(() => database().db.withSession(async (session) => void (await ensureInstalled(session))))
  const expire = (name: string): Promise<unknown> =>
    database().db.query(
      sql`update pgstrata.lease set expires_at = clock_timestamp() - interval '1 ms' where name = ${name}`,
    )

  test('is had by one of many who ask at once', async () => {
    const { db } = database()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => acquireLease(db, { name: 'crowd', holder: `h${n}`, durationMs: hour })),
    )
    expect(answers.filter((lease) => lease !== undefined)).toHaveLength(1)
  })

  test('its fence stays for who renews it and grows for who takes it over', async () => {
    const { db } = database()
    const ask = (holder: string): ReturnType<typeof acquireLease> =>
      acquireLease(db, { name: 'job', holder, durationMs: hour })
    const first = await ask('a')
    expect(first).toMatchObject({ fence: 1 })
    expect(await ask('b')).toBeUndefined()
    expect(await ask('a')).toMatchObject({ fence: 1 })
    await expire('job')
    const second = await ask('b')
    expect(second).toMatchObject({ fence: 2 })
    if (first === undefined || second === undefined) throw new Error('no lease')
    expect(await renewLease(db, first, hour)).toBe(false)
    expect(await renewLease(db, second, hour)).toBe(true)
    await releaseLease(db, first)
    expect(await ask('a')).toBeUndefined()
    await releaseLease(db, second)
    // The same holder again after it gave up, or lost, its lease is a new one too.
    expect(await ask('b')).toMatchObject({ fence: 3 })
  })

  test('who asks inside its transaction keeps it until that ends', async () => {
    const { db } = database()
    const lease = await acquireLease(db, { name: 'work', holder: 'a', durationMs: hour })
    if (lease === undefined) throw new Error('no lease')
    await transaction(db, async (tx) => {
      expect(await holdsLease(tx, lease)).toBe(true)
      const taking = transaction(
        db,
        (other) => other.query(sql`update pgstrata.lease set holder = 'b' where name = 'work'`),
        { lockTimeoutMs: 50 },
      )
      await expect(taking).rejects.toMatchObject({ code: '55P03' })
    })
    await expire('work')
    expect(await transaction(db, (tx) => holdsLease(tx, lease))).toBe(false)
  })
})
