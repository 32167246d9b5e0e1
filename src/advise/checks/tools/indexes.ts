// What checks on indexes agree on: which may be taken away, and how that is read.
//
// A catalog may have tens of thousands of indexes: sizes and definitions are asked of those alone that are found by their rows.

import { sql, type Sql } from '../../../sql/sql.ts'
import { ofLeaves, showName } from './relations.ts'
import { dropIndexSql, type IndexSql, type OldIndex } from './index-sql.ts'

/** Of pg_index i: nothing but speed hangs on it. Of an index on a partitioned table the indexes of its partitions are parts. */
export const isExpendable: Sql = sql`not i.indisunique
            and not i.indisprimary
            and not i.indisexclusion
            and not i.indisreplident
            and not i.indisclustered
            and not exists (select from pg_constraint k where k.conindid = i.indexrelid)`

/** Of pg_index i: key, included columns and predicate in each of their properties, as a list of values. */
export const indexSignature: Sql = sql`i.indkey::text, i.indnkeyatts, i.indclass::text, i.indcollation::text, i.indoption::text,
            pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)`

/** Of pg_index i: deleting or changing a key that is referred to looks up who does, by this index. Rare, and slow without. */
export const servesForeignKey: Sql = sql`exists (
              select
              from pg_constraint k
              where k.contype = 'f'
                and k.conrelid = i.indrelid
                and k.conkey @> (i.indkey::int2[])[0:cardinality(k.conkey) - 1]
                and cardinality(k.conkey) <= i.indnkeyatts
            )`

export interface FoundIndex extends OldIndex {
  readonly table: string
  readonly tableSchema: string
  readonly sizeBytes: number
}

/** Of pg_class c, an index: of one on a partitioned table with all its parts. */
export const indexBytes: Sql = ofLeaves(sql`c`, 'pg_relation_size')

/** The same of how often it was read. */
export const indexScans: Sql = ofLeaves(sql`c`, 'pg_stat_get_numscans')

/** Columns of FoundIndex, of pg_index i, pg_class c (the index) in pg_namespace n, pg_class t in pg_namespace tn. */
export const foundIndex: Sql = sql`n.nspname::text as schema, c.relname::text as index, t.relname::text as "table", tn.nspname::text as "tableSchema",
          pg_get_indexdef(c.oid) as definition, c.relkind = 'I' as "isPartitioned",
          ${indexBytes} as "sizeBytes"`

export const indexJoins: Sql = sql`pg_index i
          join pg_class c on c.oid = i.indexrelid
          join pg_namespace n on n.oid = c.relnamespace
          join pg_class t on t.oid = i.indrelid
          join pg_namespace tn on tn.oid = t.relnamespace`

export function withoutIndex(row: FoundIndex): IndexSql & { readonly subject: string; readonly shown: string } {
  const shown = showName(row.schema, row.index)
  return { subject: `index ${shown}`, shown, ...dropIndexSql(row) }
}
