// Whether a column never holds a null, as a condition on a row of pg_attribute. Since 18 attnotnull is also set for a
// NOT NULL that is NOT VALID, which rows from before may break.

import { sql, type Sql } from '../sql/sql.ts'

/** `attribute`: the alias of pg_attribute in the statement. */
export function neverNull(attribute: string): Sql {
  const a = sql.ident(attribute)
  return sql`(${a}.attnotnull and not exists (
    select from pg_constraint n
    where n.conrelid = ${a}.attrelid and n.contype = 'n' and n.conkey = array[${a}.attnum] and not n.convalidated
  ))`
}
