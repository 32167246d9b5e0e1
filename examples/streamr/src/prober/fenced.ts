// The lease in a transaction of Kysely: what is written under it is written only while it stands.

import { CompiledQuery, type Kysely } from 'kysely'
import { holdsLease, type Lease, type Queryable } from 'pgstrata'
import type { Database } from '../database.ts'

/**
 * Carries out `work` in a transaction, unless the lease was lost: then undefined, and nothing was done. Its row stays locked until the
 * end, so transactions under one lease come one after the other, also those whose client is gone.
 */
export async function underLease<T extends object>(
  db: Kysely<Database>,
  lease: Lease,
  work: (tx: Kysely<Database>) => Promise<T>,
): Promise<T | undefined> {
  return await db
    .transaction()
    .execute(async (tx) => ((await holdsLease(asQueryable(tx), lease)) ? await work(tx) : undefined))
}

function asQueryable(db: Kysely<Database>): Queryable {
  return {
    query: async <Row extends object>({ text, values }: { text: string; values: readonly unknown[] }) => {
      const { rows } = await db.executeQuery<Row>(CompiledQuery.raw(text, [...values]))
      return { rows, rowCount: rows.length }
    },
  }
}
