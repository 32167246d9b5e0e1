// Whether a store is the one that it was. The folder of one that is not mounted looks like an empty store: what is put there, and
// proven from there, is hidden as soon as it is mounted again.

import { StrataError } from '../../base/errors.ts'
import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { thisDatabase } from '../../catalog/tiered.ts'
import type { Store } from '../store/store.ts'
import { manifestKey } from './layout.ts'

/** One that is there says enough; a single one may be lost. */
const mostAsked = 5

/** Throws where the store has none of the archives that this database has in it, also of those that were not found there before. One that never had any is taken as it is. */
export async function requireSameStore(on: Queryable, store: Store): Promise<void> {
  const { rows } = await on.query<{ prefix: string }>(sql`
    select prefix
    from pgstrata.archive
    where store = ${store.url}
      and state in ('verified', 'only copy', 'lost')
      and made_in = ${sql.raw(thisDatabase)}
    order by id desc
    limit ${mostAsked}`)
  if (rows.length === 0) return
  for (const { prefix } of rows) if ((await store.head(manifestKey(prefix))) !== undefined) return
  throw new StrataError('ARCHIVE_UNREACHABLE', {
    message: `${store.url} has none of the archives that were put there last`,
    advice:
      'See that it is mounted, and that it is the right one. Where they are gone for good, say so with `pgstrata archive forget`.',
    details: { store: store.url },
  })
}
