// An application written with Drizzle: everything that Drizzle does with a pool, noted step by step. It ends the pool.

import { and, asc, eq, inArray, sql } from 'drizzle-orm'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { check, integer, pgTable, text } from 'drizzle-orm/pg-core'
import type pg from 'pg'
import type { Journal } from './journal.ts'
import { accounts, transfers } from './music.ts'

export const artist = pgTable('artist', {
  id: integer().primaryKey().generatedByDefaultAsIdentity(),
  name: text().notNull().unique(),
  plays: integer().notNull().default(0),
})
const song = pgTable('song', {
  id: integer().primaryKey().generatedByDefaultAsIdentity(),
  artistId: integer('artist_id').notNull(),
  title: text().notNull(),
  seconds: integer().notNull(),
})
const account = pgTable('account', { id: integer().primaryKey(), balance: integer().notNull() }, (table) => [
  check('balance', sql`${table.balance} >= 0`),
])

type Db = Pick<NodePgDatabase, 'select' | 'insert' | 'update' | 'delete' | 'execute'>

export async function runDrizzleApp(pool: pg.Pool, journal: Journal): Promise<void> {
  const db = drizzle(pool)
  await runStatements(db, journal)
  await runCtes(db, journal)
  await runOthers(db, journal)
  await runPrepared(db, journal)
  await runTransactions(db, journal)
  await runTransfers(db, journal)
  await journal.note('everything at the end', async () => [
    await db.select().from(artist).orderBy(asc(artist.id)),
    await db.select().from(song).orderBy(asc(song.id)),
    await db.select().from(account).orderBy(asc(account.id)),
  ])
  await journal.note('ended', () => pool.end())
}

async function runStatements(db: NodePgDatabase, { note }: Journal): Promise<void> {
  const artists = (): Promise<unknown> => db.select().from(artist).orderBy(asc(artist.id)).execute()
  await note('insert returning', () =>
    db
      .insert(artist)
      .values([{ name: 'Nina' }, { name: 'Miles' }])
      .returning({ id: artist.id, name: artist.name })
      .execute(),
  )
  await note('select', artists)
  await note('update', () =>
    db.update(artist).set({ plays: 3 }).where(eq(artist.name, 'Nina')).execute().then(rowCount),
  )
  await note('select after it', artists)
}

async function runCtes(db: NodePgDatabase, { note }: Journal): Promise<void> {
  const artists = (): Promise<unknown> => db.select().from(artist).orderBy(asc(artist.id)).execute()
  await note('insert in a CTE', () => {
    const fresh = db.$with('fresh').as(db.insert(artist).values({ name: 'Ella' }).returning())
    return db.with(fresh).select().from(fresh).execute()
  })
  await note('insert after a CTE', () => {
    const nina = db.$with('nina').as(db.select({ id: artist.id }).from(artist).where(eq(artist.name, 'Nina')))
    return db
      .with(nina)
      .insert(song)
      .values({ artistId: sql`(select id from nina)`, title: 'Sinnerman', seconds: 622 })
      .returning()
      .execute()
  })
  await note('update after a CTE', () => {
    const ella = db.$with('ella').as(db.select({ id: artist.id }).from(artist).where(eq(artist.name, 'Ella')))
    return db
      .with(ella)
      .update(artist)
      .set({ plays: 9 })
      .where(eq(artist.id, sql`(select id from ella)`))
      .returning()
      .execute()
  })
  await note('delete after a CTE', () => {
    const miles = db.$with('miles').as(db.select({ id: artist.id }).from(artist).where(eq(artist.name, 'Miles')))
    return db
      .with(miles)
      .delete(artist)
      .where(inArray(artist.id, sql`(select id from miles)`))
      .returning()
      .execute()
  })
  await note('select after them', artists)
}

async function runOthers(db: NodePgDatabase, { note }: Journal): Promise<void> {
  await note('upsert', () =>
    db
      .insert(artist)
      .values({ name: 'Ella', plays: 1 })
      .onConflictDoUpdate({ target: artist.name, set: { plays: sql`${artist.plays} + 1` } })
      .returning()
      .execute(),
  )
  await note('join', () =>
    db
      .select({ name: artist.name, title: song.title })
      .from(artist)
      .leftJoin(song, eq(song.artistId, artist.id))
      .orderBy(asc(artist.name))
      .execute(),
  )
  await note('count', () => db.$count(artist, eq(artist.name, 'Ella')))
  await note('unique violation', () => db.insert(artist).values({ name: 'Nina' }).execute())
  await note('check violation', () => db.insert(song).values({ artistId: 1, title: '-', seconds: 0 }).execute())
  await note('select for update', () => db.select().from(artist).orderBy(asc(artist.id)).for('update').execute())
  await note('raw', () =>
    db.execute(sql`select count(*), now() is not null as now from artist`).then(({ rows }) => rows),
  )
  await note('delete', () => db.delete(song).where(eq(song.title, 'Sinnerman')).execute().then(rowCount))
}

async function runPrepared(db: NodePgDatabase, { note }: Journal): Promise<void> {
  const byName = db
    .select()
    .from(artist)
    .where(eq(artist.name, sql.placeholder('name')))
    .prepare('artist_by_name')
  const add = db
    .insert(artist)
    .values({ name: sql.placeholder('name') })
    .returning({ name: artist.name })
    .prepare('add_artist')
  for (const name of ['Bud', 'Bill', 'Bix']) {
    await note(`prepared insert of ${name}`, () => add.execute({ name }))
    await note(`prepared select of ${name}`, () => byName.execute({ name }))
  }
  await note('prepared, at the same time', () =>
    Promise.all(['Bud', 'Bill', 'Bix', 'Nobody'].map((name) => byName.execute({ name }))),
  )
  await note('prepared insert that fails', () => add.execute({ name: 'Bud' }))
}

async function runTransactions(db: NodePgDatabase, { note, disturb }: Journal): Promise<void> {
  const names = (on: Db): Promise<unknown> =>
    on.select({ name: artist.name, plays: artist.plays }).from(artist).orderBy(asc(artist.name)).execute()
  const add = (on: Db, name: string): Promise<unknown> => on.insert(artist).values({ name }).execute()
  await note('commit', async () => {
    const inside = await db.transaction(async (tx) => {
      await add(tx, 'Chet')
      await disturb()
      return await names(tx)
    })
    return [inside, await names(db)]
  })
  await note('rollback', () =>
    db.transaction(async (tx) => {
      await add(tx, 'Nobody')
      tx.rollback()
    }),
  )
  await note('after the rollback', () => names(db))
  await note('a failed statement', () =>
    db.transaction(async (tx) => {
      await add(tx, 'Nobody')
      await add(tx, 'Nina')
    }),
  )
  for (const isolationLevel of ['read committed', 'repeatable read', 'serializable'] as const) {
    await note(`${isolationLevel}, reading and writing`, () =>
      db.transaction(
        async (tx) => {
          await tx
            .update(artist)
            .set({ plays: sql`${artist.plays} + 1` })
            .where(eq(artist.name, 'Chet'))
          await disturb()
          return await names(tx)
        },
        { isolationLevel },
      ),
    )
    await note(`${isolationLevel}, reading only`, () =>
      db.transaction(
        async (tx) => {
          const first = await names(tx)
          await disturb()
          return [first, await names(tx)]
        },
        { isolationLevel, accessMode: 'read only' },
      ),
    )
  }
  await note('a write where only reads may be', () =>
    db.transaction((tx) => add(tx, 'Nobody'), { accessMode: 'read only' }),
  )
  await note('nested', async () => {
    await db.transaction(async (tx) => {
      await add(tx, 'Keith')
      await tx
        .transaction(async (inner) => {
          await add(inner, 'Nobody')
          inner.rollback()
        })
        .catch(disturb)
      await tx.transaction((inner) => add(inner, 'Ornette'))
    })
    return await names(db)
  })
  await note('after all of them', () => names(db))
}

async function runTransfers(db: NodePgDatabase, { note }: Journal): Promise<void> {
  await note('accounts', () =>
    db
      .insert(account)
      .values(accounts.map((id) => ({ id, balance: 100 })))
      .execute()
      .then(rowCount),
  )
  const move = async (tx: Db, { from, to, amount }: (typeof transfers)[number]): Promise<void> => {
    await tx
      .select()
      .from(account)
      .where(inArray(account.id, [from, to]))
      .orderBy(asc(account.id))
      .for('update')
    await tx
      .update(account)
      .set({ balance: sql`${account.balance} - ${amount}` })
      .where(eq(account.id, from))
    await tx
      .update(account)
      .set({ balance: sql`${account.balance} + ${amount}` })
      .where(eq(account.id, to))
  }
  await note('transfers at the same time', () =>
    Promise.all(transfers.map((each) => db.transaction((tx) => move(tx, each)))),
  )
  await note('balances', () => db.select().from(account).orderBy(asc(account.id)).execute())
  await note('reads at the same time', () =>
    Promise.all(
      accounts.map((id) =>
        db
          .select()
          .from(account)
          .where(and(eq(account.id, id)))
          .execute(),
      ),
    ),
  )
}

const rowCount = (result: pg.QueryResult): number | null => result.rowCount
