// Tables whose policies do nothing, because row security is off; and, where the roles of a public API (anon, authenticated, web_anon) are
// there, tables that those may read without any.

import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'

interface Unguarded {
  readonly schema: string
  readonly table: string
  readonly policies: number
  readonly readBy: string | null
}

export const rowSecurityOff: Check = defineCheck({
  name: 'row-security-off',
  category: 'security',
  question: 'Is row security off where it should be on?',
  why: 'Policies count only once row security is enabled for their table; a table that a public API shows is read by anybody.',
  threshold: 'critical where a table has policies, warn where a role of a public API reads it',
  mends: 'enables row security, where there are policies; else advice',
  find: ({ on }) =>
    findEach<Unguarded>(
      on,
      sql`
        with seen as (
          select n.nspname::text as schema, c.relname::text as "table", c.reltuples,
            (select count(*) from pg_policy p where p.polrelid = c.oid)::float8 as policies,
            (
              select string_agg(r.rolname::text, ', ' order by r.rolname)
              from pg_roles r
              where r.rolname in ('anon', 'authenticated', 'web_anon')
                and not r.rolcanlogin
                and has_schema_privilege(r.oid, n.oid, 'usage')
                and has_table_privilege(r.oid, c.oid, 'select')
            ) as "readBy"
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
          where ${usersOwn}
            and c.relkind in ('r', 'p')
            and not c.relrowsecurity
        )
        select schema, "table", policies, "readBy"
        from seen
        where policies > 0
          or "readBy" is not null
        order by policies > 0 desc, reltuples desc, schema, "table"`,
      ({ schema, table, policies, readBy }) => ({
        gravity: policies > 0 ? 'critical' : 'warn',
        subject: `table ${showName(schema, table)}`,
        what:
          policies > 0
            ? `${showName(schema, table)} has ${policies} ${policies === 1 ? 'policy' : 'policies'}, and row security is off`
            : `${readBy ?? ''} may read all of ${showName(schema, table)}`,
        evidence: { policies, readBy },
        ...(policies > 0
          ? {
              fix: [`alter table ${quoteQualified(schema, table)} enable row level security`],
              undo: [`alter table ${quoteQualified(schema, table)} disable row level security`],
            }
          : {
              // Without a policy nobody but its owner would see a row.
              advice: `Write the policies that say who may see what; then: alter table ${quoteQualified(schema, table)} enable row level security. Or take the privilege back, if nobody should read it.`,
            }),
      }),
    ),
})
