// What the new table is called until the swap, and the old one behind it: nobody else's name, within 63 bytes.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { PartitionedTable } from '../options.ts'
import type { ConversionNames } from './bound/item.ts'
import type { LiveMethod } from './states.ts'

const maxBytes = 63
const mostTries = 100

export async function chooseNames(
  on: Queryable,
  { schema, table }: Pick<PartitionedTable, 'schema' | 'table'>,
  method: LiveMethod,
): Promise<ConversionNames> {
  const incoming = await chooseName(on, { schema, table, suffix: 'incoming' })
  // The relabelled table stays, as the partition of all that was before.
  const retired = await chooseName(on, { schema, table, suffix: method === 'copy' ? 'old' : 'before' })
  return { schema, table, incoming, retired }
}

async function chooseName(
  on: Queryable,
  wanted: { readonly schema: string; readonly table: string; readonly suffix: string },
): Promise<string> {
  const candidates = Array.from({ length: mostTries }, (_, index) => {
    const end = index === 0 ? `_${wanted.suffix}` : `_${wanted.suffix}_${index + 1}`
    return `${clip(wanted.table, maxBytes - end.length)}${end}`
  })
  const { rows } = await on.query<{ name: string }>(sql`
    select name
    from unnest(${candidates}::text[]) with ordinality as c (name, place)
    where not exists (
      select
      from pg_class r
      join pg_namespace n on n.oid = r.relnamespace
      where n.nspname = ${wanted.schema}
        and r.relname = name
    )
    order by place
    limit 1`)
  return rows[0]?.name ?? candidates[0] ?? wanted.table
}

/** Never inside a character. */
function clip(name: string, bytes: number): string {
  let clipped = ''
  for (const character of name) {
    if (Buffer.byteLength(clipped + character) > bytes) break
    clipped += character
  }
  return clipped
}
