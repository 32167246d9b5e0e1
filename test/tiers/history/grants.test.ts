// Who may read and change a table may do so with its history, and nobody else; nobody but its owner needs a right to a pack.

import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Db } from '../../../src/db/db.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { apply, contribute, count, createMonths, pack, run, tier, tieredTable } from './support.ts'

const table = tieredTable()

describeOnEachVersion('rights to a history', (version, database) => {
  const tag = `${version}_${randomUUID().slice(0, 8)}`
  const [owner, reader, writer, stranger] = ['owner', 'reader', 'writer', 'stranger'].map(
    (role) => `tier_${role}_${tag}`,
  ) as [string, string, string, string]

  beforeAll(async () => {
    const { db } = database()
    await run(db, ...[owner, reader, writer, stranger].map((role) => `create role ${role}`))
    await createMonths(db)
    await run(
      db,
      `grant select on plays to ${reader}`,
      `grant select, insert, update, delete on plays to ${writer}`,
      `grant select (id) on plays to ${stranger}`,
      `grant all on schema public to ${owner}`,
      ...['plays', 'plays_2026_01', 'plays_2026_02', 'plays_2026_03'].map(
        (name) => `alter table ${name} owner to ${owner}`,
      ),
    )
    await tier(db, table)
    for (const month of [1, 2]) await pack(db, table, `plays_2026_0${month}`)
  })
  afterAll(async () => {
    await run(database().db, `drop owned by ${owner}, ${reader}, ${writer}, ${stranger} cascade`)
    await run(database().db, ...[owner, reader, writer, stranger].map((role) => `drop role ${role}`))
  })

  const as = async <T>(role: string, work: (on: Parameters<typeof count>[0]) => Promise<T>): Promise<T> =>
    await database().db.withSession(async (session) => {
      await run(session, 'begin', `set local role ${role}`)
      try {
        return await work(session)
      } finally {
        await run(session, 'commit')
      }
    })

  test('are those to the table: who reads, reads all of it', async () => {
    expect(await as(reader, (on) => count(on, 'plays_history'))).toBe(1_800)
    expect(await as(reader, (on) => count(on, `plays_between('2026-01-01Z', '2026-02-01Z')`))).toBe(600)
    expect(await as(reader, (on) => count(on, 'plays_segments'))).toBeGreaterThan(0)
  })

  test.each(['insert', 'update', 'delete'])('let nobody %s who may only read', async (verb) => {
    const statement = {
      insert: `insert into plays_history (id, at, song) values (1, '2026-01-01Z', 1)`,
      update: 'update plays_history set amount = 1 where id = 1001',
      delete: 'delete from plays_history where id = 1001',
    }[verb]
    await expect(as(reader, (on) => run(on, statement ?? ''))).rejects.toMatchObject({ code: '42501' })
  })

  test('let who may change the table change what is packed, with the rights of its owner', async () => {
    await as(writer, async (on) => {
      await run(on, 'update plays_history set amount = 77 where id = 1001', 'delete from plays_history where id = 1002')
      await run(on, `insert into plays_history (id, at, song) values (1002, '2026-01-01 00:02Z', 2)`)
    })
    expect(await count(database().db, 'plays_history where amount = 77')).toBe(1)
    expect(await count(database().db, 'plays_history')).toBe(1_800)
  })

  test.each([
    'plays_history',
    'plays_segments',
    'pgstrata.tier_1_unpacked',
    `plays_between('2026-01-01Z', '2026-02-01Z')`,
  ])('let nobody read %s who may read some columns of the table', async (relation) => {
    await expect(as(stranger, (on) => count(on, relation))).rejects.toMatchObject({ code: '42501' })
  })

  test('reach no pack and no loose row', async () => {
    for (const relation of ['pgstrata.pack_1', 'pgstrata.pack_1_rows', 'pgstrata.tier_1_loose']) {
      await expect(as(writer, (on) => count(on, relation))).rejects.toMatchObject({ code: '42501' })
    }
    const taken = as(writer, (on) => run(on, 'select pgstrata.pack_1_take(null)'))
    await expect(taken).rejects.toMatchObject({ code: '42501' })
  })

  test('follow those to the table with the next apply', async () => {
    const { db } = database()
    await run(db, `revoke select on plays from ${reader}`, `grant select on plays to ${stranger}`)
    expect(await apply(db, table)).toHaveLength(1)
    await expect(as(reader, (on) => count(on, 'plays_history'))).rejects.toMatchObject({ code: '42501' })
    expect(await as(stranger, (on) => count(on, 'plays_history'))).toBe(1_800)
    expect((await contribute(db, [table])).steps).toEqual([])
  })

  test('are the owner’s alone while the table has policies', async () => {
    const { db } = database()
    await run(db, 'alter table plays enable row level security')
    await apply(db, table)
    await expect(as(stranger, (on) => count(on, 'plays_history'))).rejects.toMatchObject({ code: '42501' })
    expect(await as(owner, (on: Db | Parameters<typeof count>[0]) => count(on, 'plays_history'))).toBe(1_800)
    const { held } = await contribute(db, [table])
    expect(held?.map(({ why }) => why).join()).toMatch(/row security|policies/)
  })
})
