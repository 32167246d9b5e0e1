// What checks on indexes agree on: which may be taken away, and how that is read.

import { sql, type Sql } from '../../../sql/sql.ts'
import { leavesOf, showName } from './relations.ts'
import { dropIndexSql, type IndexSql, type OldIndex } from './index-sql.ts'

/** Of pg_index i: nothing but speed hangs on it. Of an index on a partitioned table the indexes of its partitions are parts. */
export const isExpendable: Sql = sql`not i.indisunique
            and not i.indisprimary
            and not i.indisexclusion
            and not i.indisreplident
            and not i.indisclustered
            and not exists (select from pg_constraint k where k.conindid = i.indexrelid)`

/** Of pg_class c, the index, and pg_index i: the same key, included columns and predicate in each of their properties. */
export const sameIndex: Sql = sql`o.indrelid = i.indrelid
            and o.indexrelid <> i.indexrelid
            and o.indisvalid
            and o.indkey::text = i.indkey::text
            and o.indnkeyatts = i.indnkeyatts
            and o.indclass::text = i.indclass::text
            and o.indcollation::text = i.indcollation::text
            and o.indoption::text = i.indoption::text
            and pg_get_expr(o.indexprs, o.indrelid) is not distinct from pg_get_expr(i.indexprs, i.indrelid)
            and pg_get_expr(o.indpred, o.indrelid) is not distinct from pg_get_expr(i.indpred, i.indrelid)`

export interface FoundIndex extends OldIndex {
  readonly table: string
  readonly tableSchema: string
  readonly sizeBytes: number
}

/** Columns of FoundIndex, of pg_index i, pg_class c (the index) in pg_namespace n, pg_class t in pg_namespace tn. */
export const foundIndex: Sql = sql`n.nspname::text as schema, c.relname::text as index, t.relname::text as "table", tn.nspname::text as "tableSchema",
          pg_get_indexdef(c.oid) as definition, c.relkind = 'I' as "isPartitioned",
          (
            select coalesce(sum(pg_relation_size(p.relid)), 0)
            from ${leavesOf(sql`c`)} p
          )::float8 as "sizeBytes"`

export const indexJoins: Sql = sql`pg_index i
          join pg_class c on c.oid = i.indexrelid
          join pg_namespace n on n.oid = c.relnamespace
          join pg_class t on t.oid = i.indrelid
          join pg_namespace tn on tn.oid = t.relnamespace`

export function withoutIndex(row: FoundIndex): IndexSql & { readonly subject: string; readonly shown: string } {
  const shown = showName(row.schema, row.index)
  return { subject: `index ${shown}`, shown, ...dropIndexSql(row) }
}
