// One load at a time: a lock of the database, held by a connection of its own for as long as the work takes. It goes with its process,
// however that ends.

import { KitError } from 'pgstrata-example-kit'
import { sql, type Db } from 'pgstrata'
import { onlyRow } from '../../db/rows.ts'

const lock = 'mycelix load'

export async function alone<T>(db: Db, work: () => Promise<T>): Promise<T> {
  return await db.withSession(async (session) => {
    const { got } = onlyRow(
      await session.query<{ got: boolean }>(sql`select pg_try_advisory_lock(hashtext(${lock})) as got`),
    )
    if (!got) throw new KitError('Plays are being loaded into this database by somebody else → wait for them to finish')
    try {
      return await work()
    } finally {
      await session.query(sql`select pg_advisory_unlock(hashtext(${lock}))`)
    }
  })
}
