// Writers, the merger, rebuilds and old snapshots, each stopped in the middle of what it does: nobody waits for anybody
// because of a rollup, and nothing is lost or counted twice.

import { beforeEach, expect, test } from 'vitest'
import { openDb } from '../../src/db/pg-db.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { mergeRollup, rebuildRange } from '../../src/rollups/merge/merge.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { lockStatement } from '../../src/rollups/model/statements.ts'
import { sql } from '../../src/sql/sql.ts'
import { isConnectionLost, sqlstateOf } from '../../src/sql/sqlstate.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { waitUntil } from '../support/wait.ts'
import { differences, install, measure, patience, rollupOf, run } from './support.ts'

const all = { from: undefined, to: undefined }
const hot = `insert into plays (song, at, amount) values (1, '2026-03-29 10:00+00', 2)`

describeOnEachVersion('merging beside writers', (_version, database) => {
  let db: Db
  let shape: Shape
  beforeEach(async () => {
    db = database().db
    await run(
      db,
      'drop schema if exists pgstrata cascade',
      'drop table if exists plays cascade',
      'drop table if exists song_plays_merged cascade',
      `create table plays (song int, at timestamptz not null, amount numeric, label text)`,
    )
    const [one] = await install(db, [rollupOf()])
    expect.assert(one !== undefined)
    shape = one
  })

  const expectExact = async (on: Db | Session): Promise<void> => expect(await differences(on, shape)).toEqual([])
  const numbers = async (on: Db | Session): Promise<readonly unknown[]> =>
    (await on.query(sql`select song, plays::int as plays, earned::float8 as earned from song_plays order by 1`)).rows
  const deltas = async (): Promise<number> => (await db.query(sql`select from pgstrata.song_plays_delta`)).rowCount

  /** Runs the merge or rebuild up to the lock that `while` holds on the merged table, calls it, and lets it go on. */
  async function stopped(work: (session: Session) => Promise<unknown>, meanwhile: () => Promise<void>): Promise<void> {
    await db.withSession(async (holder) => {
      await run(holder, 'begin', 'lock table song_plays_merged in share mode')
      await db.withSession(async (session) => {
        const working = work(session)
        try {
          await waitUntil(() => isWaiting(session.pid), { what: 'the work to reach the table' })
          await meanwhile()
        } finally {
          await run(holder, 'rollback')
        }
        await working
      })
    })
  }
  const isWaiting = async (pid: number): Promise<boolean> =>
    (await db.query(sql`select from pg_locks where pid = ${pid} and not granted`)).rowCount > 0

  test.each(['read committed', 'repeatable read'])(
    '32 writers of one key, all in the middle of their transactions under %s, and a merge and a rebuild in theirs: nobody waits',
    async (isolation) => {
      const writers = openDb({ url: database().url, max: 32 })
      const open: { readonly session: Session; readonly end: () => void; readonly over: Promise<void> }[] = []
      for (let number = 0; number < 32; number++) {
        await new Promise<void>((resolve, reject) => {
          const over = writers.withSession(async (session) => {
            await new Promise<void>((end) => {
              open.push({ session, end, over })
              resolve()
            })
          })
          over.catch(reject)
        })
      }
      const write = async (statement: string): Promise<void> => {
        for (const { session } of open) await run(session, statement)
      }
      try {
        await write(`set lock_timeout = '1ms'`)
        await run(db, hot)
        await write(`begin isolation level ${isolation}`)
        await write(hot)
        await stopped(
          (session) => mergeRollup(session, shape, patience),
          () => write(hot),
        )
        await stopped(
          (session) => rebuildRange(session, shape, all, patience),
          () => write(hot),
        )
        await expectExact(db)
        for (const { session } of open) await expectExact(session)
        // The other way round: writers in the middle, and who merges and rebuilds waits for none of them.
        await db.withSession(async (session) => {
          await mergeRollup(session, shape, { lockTimeoutMs: 1 })
          await rebuildRange(session, shape, all, { lockTimeoutMs: 1 })
        })
        await write('commit')
      } finally {
        for (const { end } of open) end()
        await Promise.all(open.map(({ over }) => over))
        await writers.close()
      }
      expect(await numbers(db)).toEqual([{ song: 1, plays: 97, earned: 194 }])
      await expectExact(db)
      await db.withSession((session) => mergeRollup(session, shape, patience))
      expect([await numbers(db), await deltas()]).toEqual([[{ song: 1, plays: 97, earned: 194 }], 0])
    },
  )

  test('a snapshot from before a merge reads what it read, as often as it looks', async () => {
    await run(db, hot, hot)
    await db.withSession(async (old) => {
      await run(old, 'begin isolation level repeatable read')
      expect(await numbers(old)).toEqual([{ song: 1, plays: 2, earned: 4 }])
      await run(db, hot, 'delete from plays', hot)
      await db.withSession((session) => mergeRollup(session, shape, patience))
      await db.withSession((session) => rebuildRange(session, shape, all, patience))
      expect(await numbers(old)).toEqual([{ song: 1, plays: 2, earned: 4 }])
      await expectExact(old)
      await run(old, 'commit')
    })
    expect(await numbers(db)).toEqual([{ song: 1, plays: 1, earned: 2 }])
  })

  test('a TRUNCATE waits for a rebuild that has its snapshot: it would take rows away from it', async () => {
    await run(db, hot, hot)
    await db.withSession((session) => mergeRollup(session, shape, patience))
    await db.withSession(async (other) => {
      let truncating: Promise<void> = Promise.resolve()
      await stopped(
        (session) => rebuildRange(session, shape, all, patience),
        async () => {
          truncating = run(other, 'truncate plays')
          await waitUntil(() => isWaiting(other.pid), { what: 'TRUNCATE to wait' })
        },
      )
      await truncating
    })
    expect(await numbers(db)).toEqual([])
    await run(db, hot)
    await db.withSession((session) => mergeRollup(session, shape, patience))
    expect(await numbers(db)).toEqual([{ song: 1, plays: 1, earned: 2 }])
  })

  test('one merges at a time: the other waits, then finds what is left', async () => {
    await run(db, hot)
    await db.withSession(async (holder) => {
      await run(holder, 'begin', lockStatement(shape.rollup))
      await db.withSession(async (session) => {
        await expect(mergeRollup(session, shape, { lockTimeoutMs: 1 })).rejects.toMatchObject({ code: '55P03' })
        // Its transaction is over, and the session good for another.
        await expectExact(session)
        const working = mergeRollup(session, shape, patience)
        await waitUntil(() => isWaiting(session.pid), { what: 'the merge to wait' })
        await run(holder, hot, 'commit')
        expect(await working).toBe(2)
      })
    })
    expect([await numbers(db), await deltas()]).toEqual([[{ song: 1, plays: 2, earned: 4 }], 0])
  })

  test('a dump that has been reading for hours stops no merge', async () => {
    await run(db, hot)
    await db.withSession(async (dump) => {
      await run(
        dump,
        'begin isolation level repeatable read',
        'lock table pgstrata.song_plays_lock, pgstrata.song_plays_delta, song_plays_merged in access share mode',
      )
      await db.withSession((session) => mergeRollup(session, shape, { lockTimeoutMs: 1 }))
      await run(dump, 'commit')
    })
    expect(await deltas()).toBe(0)
  })

  test('killed in the middle of a statement: nothing has happened', async () => {
    await run(db, hot, hot)
    await db.withSession((session) => mergeRollup(session, shape, patience))
    await run(db, hot, `update plays set song = 2 where ctid = '(0,1)'`)
    const doomed = openDb({ url: database().url, max: 1 })
    for (const work of [mergeRollup, rebuild]) {
      await db.withSession(async (holder) => {
        await run(holder, 'begin', 'lock table song_plays_merged in share mode')
        await doomed
          .withSession(async (session) => {
            const working = work(session, shape, patience)
            working.catch(() => undefined)
            await waitUntil(() => isWaiting(session.pid), { what: 'the work to reach the table' })
            await holder.query(sql`select pg_terminate_backend(${session.pid}, 10000)`)
            await working
          })
          .then(
            () => expect.fail('It should have been killed'),
            (error: unknown) => expect(isConnectionLost(error)).toBe(true),
          )
        await run(holder, 'rollback')
      })
      expect(await numbers(db)).toEqual([
        { song: 1, plays: 2, earned: 4 },
        { song: 2, plays: 1, earned: 2 },
      ])
    }
    await doomed.close({ now: true })
    expect(await deltas()).toBe(3)
    await db.withSession((session) => mergeRollup(session, shape, patience))
    await expectExact(db)
  })

  test('thousands of deltas of few keys in one merge; what came and went in between leaves nothing', async () => {
    await run(
      db,
      `do $$ begin for n in 1..1000 loop insert into plays (song, at, amount) values (n % 3, '2026-03-29 10:00+00', n); end loop; end $$`,
      `insert into plays (song, at, amount) select 9, '2026-03-29 10:00+00', n from generate_series(1, 100) n`,
      `delete from plays where song = 9`,
    )
    expect(await deltas()).toBe(1002)
    expect(await db.withSession((session) => mergeRollup(session, shape, patience))).toBe(1002)
    expect((await db.query(sql`select from song_plays_merged`)).rowCount).toBe(3)
    await expectExact(db)
  })

  test('where there is nothing to merge it is one statement, and writes nothing', async () => {
    await db.withSession(async (session) => {
      const texts: string[] = []
      const query: Session['query'] = async (statement) => {
        texts.push(statement.text)
        return await session.query(statement)
      }
      expect(await mergeRollup({ ...session, query }, shape, patience)).toBe(0)
      expect(texts).toEqual(['select exists (select from "pgstrata"."song_plays_delta") as due'])
      await run(db, hot)
      texts.length = 0
      expect(await mergeRollup({ ...session, query }, shape, patience)).toBe(1)
      expect(texts).toHaveLength(5)
      expect(texts.join('\n')).not.toMatch(/for (no key )?update/)
    })
  })

  test('ends inside of a bucket are those of the bucket', async () => {
    await run(db, hot, `insert into plays (song, at, amount) values (1, '2026-03-29 10:45+00', 5)`)
    for (const range of [
      { from: '2026-03-29 10:30+00', to: undefined },
      { from: undefined, to: '2026-03-29 10:30+00' },
    ]) {
      await db.withSession((session) => rebuildRange(session, shape, range, patience))
      await expectExact(db)
    }
  })

  test('a rebuild reads what the expressions meant, whatever the session would make of them', async () => {
    await run(db, `create table named (at timestamptz not null, label text)`)
    const [named] = await install(db, [
      rollupOf({ name: 'names', table: 'named', by: [], measures: [measure('n', 'count', { filter: "label = 'a'" })] }),
    ])
    expect.assert(named !== undefined)
    await run(db, `insert into named values ('2026-03-29 10:00+00', 'a')`)
    await db.withSession(async (session) => {
      await run(
        session,
        `create function pg_temp.thief() returns boolean language plpgsql as $$ begin raise exception 'called'; end $$`,
        `create domain pg_temp.text as pg_catalog.text check (pg_temp.thief())`,
        `set search_path = pg_temp, pg_catalog, public`,
      )
      await rebuildRange(session, named, { from: '2026-01-01 00:00+00', to: undefined }, patience)
      expect(sqlstateOf(await run(session, `select 'a'::text`).catch((error: unknown) => error))).toBe('P0001')
      await run(session, 'reset search_path', 'discard temp')
    })
    expect((await db.query(sql`select n::int from names_merged`)).rows).toEqual([{ n: 1 }])
  })
})

async function rebuild(session: Session, shape: Shape, options: typeof patience): Promise<void> {
  await rebuildRange(session, shape, all, options)
}
