// What sessions in session_replication_role = replica write, as the worker of a subscription does.

import { expect, test } from 'vitest'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import {
  columns,
  createPlays,
  differences,
  expectExact,
  insert,
  plain,
  strataOf,
  subscribed,
} from './subscriber-support.ts'
import { run } from './support.ts'

describeOnEachVersion('a table that replicas write to', (_version, database) => {
  test('is watched while a rollup says so, and only then', async () => {
    const { db, url } = database()
    await createPlays(db, 'partitioned')
    await run(db, insert(1, 50))
    let strata = strataOf(url, plain)
    const declare = async (rollups: Readonly<Record<string, object>>): Promise<void> => {
      await strata.close()
      strata = strataOf(url, rollups)
      await strata.apply()
      const { steps, held } = await strata.plan()
      expect([steps, held]).toEqual([[], []])
    }
    const titles = async (): Promise<readonly string[]> => (await strata.plan()).steps.map(({ title }) => title)
    await declare(plain)
    const asReplica = async (...statements: readonly string[]): Promise<void> =>
      await db.withSession(async (session) => {
        await run(session, 'set session_replication_role = replica', ...statements)
        await run(session, 'reset session_replication_role')
      })
    await db.withSession(async (session) => {
      await run(session, 'begin', 'set local session_replication_role = replica', insert(51, 60))
      expect((await session.query(differences)).rows).not.toEqual([])
      await run(session, 'rollback')
    })
    await expectExact(db, strata)

    // The other rollup of the table is fed by the same triggers.
    await declare(subscribed)
    await asReplica(insert(61, 80), 'update plays set song = 9 where id < 10', 'delete from plays where id = 11')
    await run(db, insert(81, 90), 'update plays set amount = 8 where id = 12')
    await expectExact(db, strata)

    // Postgres puts the row trigger on a partition that comes; what is unused of the row may come and go.
    await run(
      db,
      `create table plays_3 partition of plays for values from ('2026-02-01') to ('2026-03-01')`,
      'alter table plays add column note text',
    )
    await asReplica(
      `insert into plays values (900, 1, 1, 1, '2026-02-02', 'x')`,
      'alter table plays drop column note',
      `insert into plays values (901, 1, 1, 1, '2026-02-02')`,
      `update plays set at = '2026-01-03' where id = 900`,
    )
    await expectExact(db, strata)
    // And two are switched by hand.
    await run(
      db,
      'alter table plays_2 disable trigger pgstrata_rollups_row',
      'alter table plays_1 enable trigger pgstrata_rollups_truncate',
    )
    expect(await titles()).toEqual([
      expect.stringMatching(
        /^Rollups of table public\.plays: watch what replicas write, "public"\."plays_1".*, "public"\."plays_3"/,
      ),
    ])
    await declare(subscribed)
    await asReplica('truncate plays_1, plays_3', 'delete from plays where id % 2 = 0')
    await expectExact(db, strata)

    await declare(plain)
    const left = sql`
      select from pg_trigger where tgname = 'pgstrata_rollups_row' or tgname ~ 'pgstrata_rollups' and tgenabled <> 'O'`
    expect((await db.query(left)).rowCount).toBe(0)
    await run(db, insert(1001, 1020))
    await expectExact(db, strata)
    await declare(subscribed)
    await declare({})
    expect((await db.query(sql`select from pg_trigger where tgname ~ 'pgstrata_rollups'`)).rowCount).toBe(0)
    expect((await db.query(sql`select from pg_proc where proname ~ '^rollups_'`)).rowCount).toBe(0)
    await strata.close()
  })

  test('belongs to somebody, and so does what notes it', async () => {
    const { db, url, name } = database()
    const owner = `owner_of_${name}`
    await run(db, `create role ${owner}`, `create table owned (${columns})`, `alter table owned owner to ${owner}`)
    const of = { from: 'owned', by: ['song'], measures: { plays: { kind: 'count' } }, subscriber: true }
    const strata = strataOf(url, { of_owned: of })
    await strata.apply()
    const owners = sql`
      select distinct pg_get_userbyid(proowner)::text as owner from pg_proc where proname ~ '^rollups_.*_(row|insert)$'`
    expect((await db.query(owners)).rows).toEqual([{ owner }])
    await db.withSession(async (session) => {
      await run(session, 'begin', 'set local session_replication_role = replica', `set local role ${owner}`)
      await run(session, `insert into owned values (1, 1, 1, 1, '2026-01-01')`, 'commit')
    })
    expect((await db.query(sql`select plays::int from of_owned`)).rows).toEqual([{ plays: 1 }])
    await strata.close()
    const none = strataOf(url, {})
    await none.apply()
    await none.close()
    await run(db, `drop owned by ${owner}`, `drop role ${owner}`)
  })

  test('is told of in the plan where a subscription writes to it and no rollup says so', async () => {
    const { db, url } = database()
    await run(
      db,
      `create table streamed (${columns})`,
      `create subscription in_name_only connection 'dbname=nowhere' publication p with (connect = false, slot_name = none)`,
      `insert into pg_subscription_rel select oid, 'streamed'::regclass, 'r', null from pg_subscription where subname = 'in_name_only'`,
    )
    const of = { from: 'streamed', by: ['song'], measures: { plays: { kind: 'count' } } }
    const heldOf = async (streams: object): Promise<readonly unknown[]> => {
      const strata = strataOf(url, { streams })
      const { held } = await strata.plan()
      await strata.close()
      return held
    }
    expect(await heldOf(of)).toEqual([
      {
        what: 'rollups of table public.streamed',
        why: expect.stringContaining('subscription in_name_only writes to it'),
        todo: expect.stringContaining('say `subscriber: true` of rollup streams'),
      },
    ])
    expect(await heldOf({ ...of, subscriber: true })).toEqual([])
    await run(db, 'drop subscription in_name_only')
  })
})
