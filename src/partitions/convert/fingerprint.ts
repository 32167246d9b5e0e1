// Whether anything that is bound to a table was changed in between, asked cheaply enough to be asked under a lock: the
// transactions that wrote the catalog's rows about it. VACUUM and ANALYZE change theirs in place, and do not show.

import { onlyRow, type Queryable } from '../../db/db.ts'
import { sql, type Sql } from '../../sql/sql.ts'

export async function readFingerprint(on: Queryable, oid: number): Promise<string> {
  const answer = await on.query<{ fingerprint: string }>(fingerprintQuery(oid))
  return onlyRow(answer).fingerprint
}

/** One row with one text: for those who ask for more at the same time. */
export function fingerprintQuery(oid: number): Sql {
  const table = sql`${oid}::int8::oid`
  return sql`
    select md5(string_agg(part, ' ' order by part)) as fingerprint
    from (
      select concat_ws(':', 'class', oid, xmin) from pg_class where oid = ${table}
      union all
      select concat_ws(':', 'attribute', attnum, xmin) from pg_attribute where attrelid = ${table}
      union all
      select concat_ws(':', 'default', oid, xmin) from pg_attrdef where adrelid = ${table}
      union all
      select concat_ws(':', 'constraint', oid, xmin) from pg_constraint where conrelid = ${table} or confrelid = ${table}
      union all
      select concat_ws(':', 'index', indexrelid, indisvalid, indisreplident, c.xmin)
      from pg_index
      join pg_class c on c.oid = indexrelid
      where indrelid = ${table}
      union all
      select concat_ws(':', 'trigger', oid, xmin) from pg_trigger where tgrelid = ${table}
      union all
      select concat_ws(':', 'policy', oid, xmin) from pg_policy where polrelid = ${table}
      union all
      select concat_ws(':', 'statistics', oid, xmin) from pg_statistic_ext where stxrelid = ${table}
      union all
      select concat_ws(':', 'publication', oid, xmin) from pg_publication_rel where prrelid = ${table}
      union all
      select concat_ws(':', 'inherits', inhrelid, xmin) from pg_inherits where ${table} in (inhrelid, inhparent)
      union all
      select concat_ws(':', 'comment', objsubid, xmin)
      from pg_description
      where objoid = ${table}
        and classoid = 'pg_class'::regclass
      union all
      select concat_ws(':', 'rule', r.oid, r.xmin)
      from pg_rewrite r
      where r.ev_class = ${table}
        or r.oid in (
          select objid
          from pg_depend
          where refclassid = 'pg_class'::regclass
            and refobjid = ${table}
            and classid = 'pg_rewrite'::regclass
        )
    ) as parts (part)`
}
