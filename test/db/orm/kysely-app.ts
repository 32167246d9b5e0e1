// An application written with Kysely: everything that Kysely does with a pool, noted step by step.
// It ends the pool, as destroy() does.

import { Kysely, PostgresDialect, sql, type Generated, type Transaction } from 'kysely'
import type pg from 'pg'
import Cursor from 'pg-cursor'
import type { Journal } from './journal.ts'
import { accounts, transfers } from './music.ts'

interface Tables {
  artist: { id: Generated<number>; name: string; plays: Generated<number> }
  song: { id: Generated<number>; artist_id: number; title: string; seconds: number }
  account: { id: number; balance: number }
}

export function openKysely(pool: pg.Pool): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool, cursor: Cursor }) })
}

export async function runKyselyApp(pool: pg.Pool, journal: Journal): Promise<void> {
  const db = openKysely(pool)
  await runStatements(db, journal)
  await runCtes(db, journal)
  await runOthers(db, journal)
  await runTransactions(db, journal)
  await runTransfers(db, journal)
  await journal.note('everything at the end', () => everything(db))
  await journal.note('destroyed', () => db.destroy())
  await journal.note('used after that', () => db.selectFrom('artist').selectAll().execute())
}

async function runStatements(db: Kysely<Tables>, { note }: Journal): Promise<void> {
  const artists = db.selectFrom('artist').selectAll().orderBy('id')
  await note('insert returning', () =>
    db
      .insertInto('artist')
      .values([{ name: 'Nina' }, { name: 'Miles' }])
      .returning(['id', 'name'])
      .execute(),
  )
  await note('select', () => artists.execute())
  await note('update', () =>
    db
      .updateTable('artist')
      .set((eb) => ({ plays: eb('plays', '+', 3) }))
      .where('name', '=', 'Nina')
      .executeTakeFirst(),
  )
  await note('select one', () => artists.where('name', '=', 'Nina').executeTakeFirstOrThrow())
}

async function runCtes(db: Kysely<Tables>, { note }: Journal): Promise<void> {
  const artists = db.selectFrom('artist').selectAll().orderBy('id')
  await note('insert in a CTE', () =>
    db
      .with('fresh', (q) => q.insertInto('artist').values({ name: 'Ella' }).returningAll())
      .selectFrom('fresh')
      .select(['id', 'name'])
      .execute(),
  )
  await note('insert after a CTE', () =>
    db
      .with('nina', (q) => q.selectFrom('artist').select('id').where('name', '=', 'Nina'))
      .insertInto('song')
      .columns(['artist_id', 'title', 'seconds'])
      .expression((eb) =>
        eb.selectFrom('nina').select(['id', sql.lit('Sinnerman').as('title'), sql.lit(622).as('seconds')]),
      )
      .returningAll()
      .execute(),
  )
  await note('update and delete in CTEs', () =>
    db
      .with('played', (q) => q.updateTable('artist').set({ plays: 9 }).where('name', '=', 'Ella').returning('plays'))
      .with('gone', (q) => q.deleteFrom('artist').where('name', '=', 'Miles').returning('name'))
      .selectFrom(['played', 'gone'])
      .selectAll()
      .execute(),
  )
  await note('select after them', () => artists.execute())
}

async function runOthers(db: Kysely<Tables>, { note }: Journal): Promise<void> {
  const artists = db.selectFrom('artist').selectAll().orderBy('id')
  await note('upsert', () =>
    db
      .insertInto('artist')
      .values({ name: 'Ella', plays: 1 })
      .onConflict((on) => on.column('name').doUpdateSet((eb) => ({ plays: eb('artist.plays', '+', 1) })))
      .returningAll()
      .execute(),
  )
  await note('join', () =>
    db
      .selectFrom('artist')
      .leftJoin('song', 'song.artist_id', 'artist.id')
      .select(['name', 'title'])
      .orderBy('name')
      .execute(),
  )
  await note('unique violation', () => db.insertInto('artist').values({ name: 'Nina' }).execute())
  await note('check violation', () => db.insertInto('song').values({ artist_id: 1, title: '-', seconds: 0 }).execute())
  await note('select for update', () => artists.forUpdate().execute())
  await note('delete', () => db.deleteFrom('song').where('seconds', '>', 600).executeTakeFirst())
  await note('aggregate', () => sql`select count(*), sum(plays) from artist`.execute(db))
  await note('stream', async () => {
    const seen: unknown[] = []
    const numbers = db.selectFrom(sql<{ n: number }>`generate_series(1, 25)`.as<'s'>(sql`s (n)`)).select('s.n')
    for await (const row of numbers.stream(10)) seen.push(row.n)
    for await (const row of artists.stream(1)) seen.push(row)
    for await (const row of numbers.stream(10)) {
      seen.push(row.n)
      if (row.n === 12) break
    }
    return seen
  })
  await note('a connection of its own', () =>
    db.connection().execute(async (own) => {
      const [artist] = await own.insertInto('artist').values({ name: 'Bill' }).returning('name').execute()
      return [artist, await own.selectFrom('artist').select('name').orderBy('name').execute()]
    }),
  )
}

async function runTransactions(db: Kysely<Tables>, { note, disturb }: Journal): Promise<void> {
  const names = (on: Kysely<Tables>): Promise<unknown> =>
    on.selectFrom('artist').select(['name', 'plays']).orderBy('name').execute()
  const add = (on: Kysely<Tables>, name: string): Promise<unknown> => on.insertInto('artist').values({ name }).execute()
  await note('commit', async () => {
    const inside = await db.transaction().execute(async (tx) => {
      await add(tx, 'Chet')
      await disturb()
      return await names(tx)
    })
    return [inside, await names(db)]
  })
  await note('rollback', () =>
    db.transaction().execute(async (tx) => {
      await add(tx, 'Nobody')
      throw new RangeError(`not ${JSON.stringify(await names(tx))}`)
    }),
  )
  await note('after the rollback', () => names(db))
  await note('a failed statement', () =>
    db.transaction().execute(async (tx) => {
      await add(tx, 'Nobody')
      await add(tx, 'Nina')
    }),
  )
  for (const level of ['read committed', 'repeatable read', 'serializable'] as const) {
    await note(`${level}, reading and writing`, () =>
      db
        .transaction()
        .setIsolationLevel(level)
        .execute(async (tx) => {
          await tx
            .updateTable('artist')
            .set((eb) => ({ plays: eb('plays', '+', 1) }))
            .where('name', '=', 'Chet')
            .execute()
          await disturb()
          return [await names(tx), await sql`show transaction_isolation`.execute(tx)]
        }),
    )
    await note(`${level}, reading only`, () =>
      db
        .transaction()
        .setIsolationLevel(level)
        .setAccessMode('read only')
        .execute(async (tx) => {
          const first = await names(tx)
          await disturb()
          return [first, await names(tx), await sql`show transaction_isolation`.execute(tx)]
        }),
    )
  }
  await note('a write where only reads may be', () =>
    db
      .transaction()
      .setAccessMode('read only')
      .execute((tx) => add(tx, 'Nobody')),
  )
  await note('savepoints', async () => {
    const tx = await db.startTransaction().execute()
    await add(tx, 'Keith')
    const saved = await tx.savepoint('one').execute()
    await add(saved, 'Nobody')
    await disturb()
    const back = await saved.rollbackToSavepoint('one').execute()
    const kept = await back.savepoint('two').execute()
    await add(kept, 'Ornette')
    await kept.releaseSavepoint('two').execute()
    await tx.commit().execute()
    return await names(db)
  })
  await note('after all of them', () => names(db))
}

async function runTransfers(db: Kysely<Tables>, { note }: Journal): Promise<void> {
  await note('accounts', () =>
    db
      .insertInto('account')
      .values(accounts.map((id) => ({ id, balance: 100 })))
      .execute(),
  )
  const move = async (tx: Transaction<Tables>, { from, to, amount }: (typeof transfers)[number]): Promise<void> => {
    await tx.selectFrom('account').select('id').where('id', 'in', [from, to]).orderBy('id').forUpdate().execute()
    await tx
      .updateTable('account')
      .set((eb) => ({ balance: eb('balance', '-', amount) }))
      .where('id', '=', from)
      .execute()
    await tx
      .updateTable('account')
      .set((eb) => ({ balance: eb('balance', '+', amount) }))
      .where('id', '=', to)
      .execute()
  }
  await note('transfers at the same time', () =>
    Promise.all(transfers.map((each) => db.transaction().execute((tx) => move(tx, each)))),
  )
  await note('balances', () => db.selectFrom('account').selectAll().orderBy('id').execute())
  await note('reads at the same time', () =>
    Promise.all(accounts.map((id) => db.selectFrom('account').selectAll().where('id', '=', id).execute())),
  )
}

async function everything(db: Kysely<Tables>): Promise<unknown> {
  return [
    await db.selectFrom('artist').selectAll().orderBy('id').execute(),
    await db.selectFrom('song').selectAll().orderBy('id').execute(),
    await db.selectFrom('account').selectAll().orderBy('id').execute(),
  ]
}
