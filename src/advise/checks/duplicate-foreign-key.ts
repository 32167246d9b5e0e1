// Foreign keys that check the same twice: the same columns that refer to the same ones, in whichever order they are written.

import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'

interface Twice {
  readonly schema: string
  readonly table: string
  readonly constraint: string
  readonly twin: string
  readonly definition: string
  readonly isPartitioned: boolean
}

export const duplicateForeignKey: Check = defineCheck({
  name: 'duplicate-foreign-key',
  category: 'schema',
  question: 'Is there a foreign key twice?',
  why: 'Each row is looked up twice, and locked twice, for one answer.',
  threshold: 'warn',
  mends: 'drops the younger (of one that was validated and one that was not, the latter)',
  find: ({ on, facts }) =>
    findEach<Twice>(
      on,
      sql`
        with key as (
          select k.oid, k.conrelid, k.conname, k.confrelid, k.convalidated,
            array(
              select format('%s %s', own, other)
              from unnest(k.conkey, k.confkey) as pair (own, other)
              order by own, other
            ) as pairs,
            -- What is done when the other row goes is part of what it means.
            array[k.confupdtype::text, k.confdeltype::text, k.confmatchtype::text, k.confdelsetcols::text, k.condeferrable::text,
              k.condeferred::text${facts.major < 18 ? sql`` : sql`, k.conenforced::text`}] as actions
          from pg_constraint k
          where k.contype = 'f'
            and k.conparentid = 0
        ), ranked as (
          select key.*, row_number() over same as place, first_value(conname) over same as twin
          from key
          -- Who was checked for old rows stays, else who is older.
          window same as (partition by conrelid, confrelid, pairs, actions order by not convalidated, oid)
        )
        select n.nspname::text as schema, c.relname::text as "table", y.conname::text as constraint, y.twin::text as twin,
          pg_get_constraintdef(y.oid) as definition, c.relkind = 'p' as "isPartitioned"
        from ranked y
        join pg_class c on c.oid = y.conrelid
        join pg_namespace n on n.oid = c.relnamespace
        where ${usersOwn}
          and y.place > 1
        order by c.reltuples desc, n.nspname, c.relname, y.conname`,
      ({ schema, table, constraint, twin, definition, isPartitioned }) => {
        const alter = `alter table ${quoteQualified(schema, table)}`
        const name = quoteIdent(constraint)
        // Before 18 a partitioned table takes none that is not valid.
        const back = isPartitioned
          ? [`${alter} add constraint ${name} ${definition}`]
          : [
              `${alter} add constraint ${name} ${definition.replace(/ NOT VALID$/, '')} not valid`,
              ...(definition.endsWith(' NOT VALID') ? [] : [`${alter} validate constraint ${name}`]),
            ]
        return {
          gravity: 'warn',
          subject: `foreign key ${showName(constraint)} of ${showName(schema, table)}`,
          what: `Foreign key ${showName(constraint)} of ${showName(schema, table)} says what ${showName(twin)} says`,
          evidence: { twin, definition },
          fix: [`${alter} drop constraint ${name}`],
          undo: back,
          advice: 'For that moment nobody else may use the two tables (ACCESS EXCLUSIVE): set lock_timeout first.',
        }
      },
    ),
})
