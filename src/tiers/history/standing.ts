// What is there of the readers of a table: which of them, as what, whose, and with which columns.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { isOurs, type Piece } from './piece.ts'

export interface Standing {
  readonly place: string
  readonly is: 'current' | 'stale' | 'missing' | 'foreign'
  /** Null: it is not there. */
  readonly owner: string | null
  /** Of a view. */
  readonly columns: readonly string[]
}

interface Row {
  readonly there: boolean
  readonly owner: string | null
  readonly comment: string | null
  readonly columns: readonly string[]
}

/** In the order of the pieces. */
export async function readStanding(on: Queryable, pieces: readonly Piece[]): Promise<readonly Standing[]> {
  const { rows } = await on.query<Row>(sql`
    select coalesce(c.oid, p.oid) is not null as there, pg_get_userbyid(coalesce(c.relowner, p.proowner))::text as owner,
      case when piece.kind = 'view' then obj_description(c.oid, 'pg_class') else obj_description(p.oid, 'pg_proc') end as comment,
      coalesce((
        select json_agg(a.attname order by a.attnum)
        from pg_attribute a
        where a.attrelid = c.oid
          and a.attnum > 0
          and not a.attisdropped
      ), '[]') as columns
    from unnest(${pieces.map(({ kind }) => kind)}::text[], ${pieces.map(({ place }) => place)}::text[])
      with ordinality as piece (kind, place, number)
    -- Asked of the name of the other kind, each of them fails on a server before 16.
    left join pg_class c on c.oid = case when piece.kind = 'view' then to_regclass(piece.place) end
    left join pg_proc p on p.oid = case when piece.kind = 'function' then to_regprocedure(piece.place) end
    order by piece.number`)
  return pieces.map(({ place, comment }, number) => {
    const { there = false, owner = null, comment: found = null, columns = [] } = rows[number] ?? {}
    if (!there) return { place, is: 'missing', owner: null, columns }
    return { place, is: found === comment ? 'current' : isOurs(found) ? 'stale' : 'foreign', owner, columns }
  })
}
