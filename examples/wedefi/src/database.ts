// The tables over the pool of pgstrata, which chooses the server for each statement. Closing the pool is up to whoever opened it.

import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import type { StrataPool } from 'pgstrata'
import * as schema from './schema.ts'

export type WedefiDatabase = NodePgDatabase<typeof schema>

export function openDatabase({ pool }: { readonly pool: StrataPool }): WedefiDatabase {
  return drizzle({ client: pool, schema })
}
