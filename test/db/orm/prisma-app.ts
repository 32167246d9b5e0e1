// An application on Prisma's driver adapter, which is all of Prisma that meets a pool: it sends what Prisma's engine would
// send, noted step by step. It ends the pool.

import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import type { Journal } from './journal.ts'
import { accounts, transfers } from './music.ts'

type Adapter = Awaited<ReturnType<PrismaPg['connect']>>
type Query = Parameters<Adapter['queryRaw']>[0]
type Tx = Awaited<ReturnType<Adapter['startTransaction']>>
type Db = Pick<Adapter, 'queryRaw' | 'executeRaw'>
type Level = Parameters<Adapter['startTransaction']>[0]

export const query = (text: string, ...args: (string | number)[]): Query => ({
  sql: text,
  args,
  argTypes: args.map((arg) => ({ scalarType: typeof arg === 'number' ? 'int' : 'string', arity: 'scalar' })),
})

const artists = query('SELECT id, name, plays FROM public.artist ORDER BY name')
const insert = (name: string): Query => query('INSERT INTO public.artist (name) VALUES ($1) RETURNING name', name)

/** As the engine does: the statement is its own, commit() and rollback() only give the client back. */
export async function inTransaction<T>(db: Adapter, level: Level, work: (tx: Tx) => Promise<T>): Promise<T> {
  const tx = await db.startTransaction(level)
  try {
    const result = await work(tx)
    await tx.executeRaw(query('COMMIT'))
    await tx.commit()
    return result
  } catch (error) {
    // A connection that is gone cannot roll back, and is given back all the same.
    await tx.executeRaw(query('ROLLBACK')).catch(() => undefined)
    await tx.rollback()
    throw error
  }
}

export async function runPrismaApp(pool: pg.Pool, journal: Journal): Promise<void> {
  const named = new PrismaPg(pool, { disposeExternalPool: true, statementNameGenerator: ({ sql }) => `n${hash(sql)}` })
  const db = await named.connect()
  await runStatements(db, journal)
  await runTransactions(db, journal)
  await runTransfers(db, journal)
  await journal.note('everything at the end', async () => [
    await db.queryRaw(artists),
    await db.queryRaw(query('SELECT * FROM song ORDER BY id')),
    await db.queryRaw(query('SELECT * FROM account ORDER BY id')),
  ])
  await journal.note('disposed', () => db.dispose())
}

async function runStatements(db: Adapter, { note }: Journal): Promise<void> {
  await note('insert returning', () => db.queryRaw(insert('Nina')))
  await note('select', () => db.queryRaw(artists))
  await note('script', () =>
    db.executeScript("insert into artist (name) values ('Miles'); update artist set plays = 1"),
  )
  await note('select after it', () => db.queryRaw(artists))
  await note('update', () => db.executeRaw(query('UPDATE artist SET plays = plays + $1 WHERE name = $2', 3, 'Nina')))
  await note('insert in a CTE', () =>
    db.queryRaw(query('WITH fresh AS (INSERT INTO artist (name) VALUES ($1) RETURNING *) SELECT * FROM fresh', 'Ella')),
  )
  await note('select after the CTE', () => db.queryRaw(artists))
  await note('upsert', () =>
    db.queryRaw(
      query(
        'INSERT INTO artist (name) VALUES ($1) ON CONFLICT (name) DO UPDATE SET plays = artist.plays + 1 RETURNING *',
        'Ella',
      ),
    ),
  )
  await note('types', () =>
    db.queryRaw(
      query(`SELECT 1::int2, 2::int8, 1.5::numeric, true AS yes, '2026-01-02 03:04:05+00'::timestamptz AS at,
        '{"a":1}'::jsonb AS doc, ARRAY[1, 2] AS list, NULL::text AS nothing`),
    ),
  )
  await note('unique violation', () => db.executeRaw(insert('Nina')))
  await note('foreign key violation', () =>
    db.executeRaw(query('INSERT INTO song (artist_id, title, seconds) VALUES ($1, $2, $3)', 4711, 'None', 1)),
  )
  await note('no such table', () => db.queryRaw(query('SELECT * FROM nowhere')))
  await note('delete', () => db.executeRaw(query('DELETE FROM artist WHERE name = $1', 'Miles')))
  await note('select after all of them', () => db.queryRaw(artists))
}

async function runTransactions(db: Adapter, { note, disturb }: Journal): Promise<void> {
  await note('commit', async () => {
    const inside = await inTransaction(db, undefined, async (tx) => {
      await tx.queryRaw(insert('Chet'))
      await disturb()
      return await tx.queryRaw(artists)
    })
    return [inside, await db.queryRaw(artists)]
  })
  await note('rollback', () =>
    inTransaction(db, undefined, async (tx) => {
      await tx.queryRaw(insert('Nobody'))
      throw new RangeError('not now')
    }),
  )
  await note('after the rollback', () => db.queryRaw(artists))
  await note('a failed statement', () =>
    inTransaction(db, undefined, async (tx) => {
      await tx.queryRaw(insert('Nobody'))
      await tx.queryRaw(insert('Nina'))
    }),
  )
  for (const level of ['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const) {
    await note(level, () =>
      inTransaction(db, level, async (tx) => {
        const before = await tx.queryRaw(artists)
        await tx.executeRaw(query("UPDATE artist SET plays = plays + 1 WHERE name = 'Chet'"))
        await disturb()
        return [before, await tx.queryRaw(artists), await tx.queryRaw(query('SHOW transaction_isolation'))]
      }),
    )
  }
  await note('savepoints', () =>
    inTransaction(db, undefined, async (tx) => {
      await tx.queryRaw(insert('Keith'))
      await savepoint(tx, 'createSavepoint', 'one')
      await tx.queryRaw(insert('Nobody'))
      await savepoint(tx, 'rollbackToSavepoint', 'one')
      await savepoint(tx, 'createSavepoint', 'two')
      await tx.queryRaw(insert('Ornette'))
      await savepoint(tx, 'releaseSavepoint', 'two')
      return await tx.queryRaw(artists)
    }),
  )
  await note('after all of them', () => db.queryRaw(artists))
}

async function savepoint(
  tx: Tx,
  what: 'createSavepoint' | 'rollbackToSavepoint' | 'releaseSavepoint',
  name: string,
): Promise<void> {
  const does = tx[what]?.bind(tx)
  if (does === undefined) throw new Error('The adapter has no savepoints')
  await does(name)
}

async function runTransfers(db: Adapter, { note }: Journal): Promise<void> {
  const values = accounts.map((id) => `(${id}, 100)`).join(', ')
  await note('accounts', () => db.executeRaw(query(`INSERT INTO account (id, balance) VALUES ${values}`)))
  const move = async (tx: Db, { from, to, amount }: (typeof transfers)[number]): Promise<void> => {
    await tx.queryRaw(query('SELECT id FROM account WHERE id IN ($1, $2) ORDER BY id FOR UPDATE', from, to))
    await tx.executeRaw(query('UPDATE account SET balance = balance - $1 WHERE id = $2', amount, from))
    await tx.executeRaw(query('UPDATE account SET balance = balance + $1 WHERE id = $2', amount, to))
  }
  await note('transfers at the same time', () =>
    Promise.all(transfers.map((each) => inTransaction(db, 'READ COMMITTED', (tx) => move(tx, each)))),
  )
  await note('balances', () => db.queryRaw(query('SELECT * FROM account ORDER BY id')))
  await note('reads at the same time', () =>
    Promise.all(accounts.map((id) => db.queryRaw(query('SELECT * FROM account WHERE id = $1', id)))),
  )
}

/** A short name for a text, as applications make them. */
function hash(text: string): number {
  let sum = 0
  for (const char of text) sum = (sum * 31 + (char.codePointAt(0) ?? 0)) | 0
  return sum >>> 0
}
