// Place left in new pages for the updates to come.

import { sql, type Sql } from '../../../sql/sql.ts'

/** Of the table c: fillfactor, and whether it says so itself. */
export const fillfactorColumns: Sql = sql`
  coalesce((select o.option_value from pg_options_to_table(c.reloptions) o where o.option_name = 'fillfactor')::float8, 100) as fillfactor,
  exists (select from pg_options_to_table(c.reloptions) o where o.option_name = 'fillfactor') as own`

export interface Filled {
  /** Quoted. */
  readonly place: string
  readonly fillfactor: number
  /** Said by the table itself. */
  readonly own: boolean
}

const wanted = 90

/** Nothing, where there is place already. */
export function fillfactorFix({ place, fillfactor, own }: Filled): {
  fix?: readonly string[]
  undo?: readonly string[]
} {
  if (fillfactor <= wanted) return {}
  return {
    fix: [`alter table ${place} set (fillfactor = ${wanted})`],
    undo: [own ? `alter table ${place} set (fillfactor = ${fillfactor})` : `alter table ${place} reset (fillfactor)`],
  }
}
