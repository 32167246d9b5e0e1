// Views that read tables under row security with their owner's rights, and so past it.

import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'

interface Around {
  readonly schema: string
  readonly view: string
  readonly tables: string
}

export const viewAroundRowSecurity: Check = defineCheck({
  name: 'view-around-row-security',
  category: 'security',
  question: 'Does a view read past row security?',
  why: 'A view asks as its owner, whom the policies mostly do not concern: whoever may read the view sees all rows.',
  threshold: 'warn',
  mends: 'makes the view ask as its caller (security_invoker)',
  find: ({ on }) =>
    findEach<Around>(
      on,
      sql`
        select n.nspname::text as schema, c.relname::text as view,
          string_agg(distinct t.oid::regclass::text, ', ' order by t.oid::regclass::text) as tables
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        join pg_rewrite w on w.ev_class = c.oid
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = w.oid and d.refclassid = 'pg_class'::regclass
        join pg_class t on t.oid = d.refobjid and t.relrowsecurity
        where ${usersOwn}
          and c.relkind = 'v'
          and not coalesce(
            (select o.option_value::bool from pg_options_to_table(c.reloptions) o where o.option_name = 'security_invoker'),
            false
          )
          -- Policies concern any owner of a view but these.
          and exists (
            select
            from pg_roles o
            where o.oid = c.relowner
              and (o.rolsuper or o.rolbypassrls or (not t.relforcerowsecurity and pg_has_role(o.oid, t.relowner, 'usage')))
          )
        group by n.nspname, c.relname
        order by n.nspname, c.relname`,
      ({ schema, view, tables }) => ({
        gravity: 'warn',
        subject: `view ${showName(schema, view)}`,
        what: `View ${showName(schema, view)} reads ${tables} past row security`,
        evidence: { tables },
        fix: [`alter view ${quoteQualified(schema, view)} set (security_invoker = true)`],
        undo: [`alter view ${quoteQualified(schema, view)} reset (security_invoker)`],
        advice: 'Its callers then need the privilege to read those tables themselves.',
      }),
    ),
})
