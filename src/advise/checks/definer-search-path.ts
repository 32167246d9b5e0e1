// Functions that run with their owner's rights and look names up where their caller says.

import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'

interface Open {
  readonly schema: string
  readonly signature: string
  readonly kind: 'function' | 'procedure'
  readonly owner: string
  readonly isSuperuser: boolean
}

export const definerSearchPath: Check = defineCheck({
  name: 'definer-search-path',
  category: 'security',
  question: 'Does every SECURITY DEFINER function fix its search_path?',
  why: 'A caller can make it use a table or function of his own, with the rights of its owner.',
  threshold: 'warn; critical where the owner is a superuser',
  mends: 'fixes its search_path to its own schema',
  find: ({ on }) =>
    findEach<Open>(
      on,
      sql`
        select n.nspname::text as schema, p.oid::regprocedure::text as signature,
          case p.prokind when 'p' then 'procedure' else 'function' end as kind,
          r.rolname::text as owner, r.rolsuper as "isSuperuser"
        from pg_proc p
        join pg_namespace n on n.oid = p.pronamespace
        join pg_roles r on r.oid = p.proowner
        where p.prosecdef
          and n.nspname !~ '^pg_'
          and n.nspname not in ('information_schema', 'pgstrata')
          and not exists (select from unnest(p.proconfig) as setting where setting like 'search_path=%')
          and not exists (
            select
            from pg_depend e
            where e.classid = 'pg_proc'::regclass
              and e.objid = p.oid
              and e.deptype = 'e'
          )
        order by r.rolsuper desc, n.nspname, signature`,
      ({ schema, signature, kind, owner, isSuperuser }) => ({
        gravity: isSuperuser ? 'critical' : 'warn',
        subject: `${kind} ${signature}`,
        what: `${signature} runs as ${owner} with the search_path of its caller`,
        evidence: { owner, isSuperuser },
        fix: [`alter ${kind} ${signature} set search_path = pg_catalog, ${quoteIdent(schema)}, pg_temp`],
        undo: [`alter ${kind} ${signature} reset search_path`],
        advice: 'If it uses tables of other schemas without naming them, name those schemas too.',
      }),
    ),
})
