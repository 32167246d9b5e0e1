// What the role that converts may not do. Without this the server would say it, but in the swap, after hours of copying.
// Everything that is changed has to belong to a role that it has; a superuser has all.

import { readRows } from '../../../catalog/dump/reading.ts'
import { sql, type Sql } from '../../../sql/sql.ts'
import type { Bound } from './context.ts'
import { refused, type BoundItem } from './item.ts'

interface LackRow {
  /** As a person calls it. */
  readonly what: string
  /** 'to be a member of …', 'CREATE for …' */
  readonly wanted: string
  readonly role: string
}

export async function readPrivileges(bound: Bound): Promise<readonly BoundItem[]> {
  const rows = await readRows<LackRow>(bound.reading, query(bound))
  return rows.map(({ what, wanted, role }) =>
    refused(
      { kind: 'privilege', name: what, how: `${role} converts, and needs ${wanted}.` },
      'Convert as a superuser, or as a member of the roles that own what is bound to the table; or grant it.',
    ),
  )
}

function query(bound: Bound): Sql {
  const { oid } = bound.row
  const of = (catalog: string): number[] =>
    bound.dependents.filter((dependent) => dependent.catalog === catalog).map((dependent) => dependent.oid)
  const isCopy = bound.subject.method === 'copy'
  return sql`
    with relation (oid) as (
      select ${oid}::oid
      union
      select ev_class from pg_rewrite where oid = any(${of('pg_rewrite')}::oid[])
      union
      select polrelid from pg_policy where oid = any(${of('pg_policy')}::oid[])
      union
      select conrelid from pg_constraint where contype = 'f' and confrelid = ${oid}::oid
    ), owned (what, owner) as (
      select pg_describe_object('pg_class'::regclass, c.oid, 0), c.relowner
      from relation r
      join pg_class c on c.oid = r.oid
      union all
      select pg_describe_object('pg_proc'::regclass, oid, 0), proowner
      from pg_proc
      where oid = any(${of('pg_proc')}::oid[])
        and prosqlbody is not null
      union all
      select pg_describe_object('pg_statistic_ext'::regclass, oid, 0), stxowner
      from pg_statistic_ext
      where stxrelid = ${oid}::oid
      union all
      select 'publication ' || quote_ident(p.pubname), p.pubowner
      from pg_publication p
      where exists (select from pg_publication_rel r where r.prpubid = p.oid and r.prrelid = ${oid}::oid)
        or not p.pubviaroot and (p.puballtables or exists (
          select
          from pg_publication_namespace m
          join pg_class c on c.relnamespace = m.pnnspid
          where m.pnpubid = p.oid
            and c.oid = ${oid}::oid
        ))
    ), maker (oid) as (
      select oid from pg_roles where rolname = current_user
      union
      select relowner from pg_class where oid = ${oid}::oid
    )
    select what, 'to be a member of ' || quote_ident(pg_get_userbyid(owner)) as wanted, quote_ident(current_user) as role
    from owned
    where not pg_has_role(current_user, owner, 'USAGE')
    union all
    select 'schema ' || quote_ident(n.nspname), 'CREATE for ' || quote_ident(pg_get_userbyid(m.oid)), quote_ident(current_user)
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    cross join maker m
    where c.oid = ${oid}::oid
      and not has_schema_privilege(m.oid, n.oid, 'CREATE')
      -- Nobody asks a superuser on whose behalf.
      and not (select rolsuper from pg_roles where rolname = current_user)
    union all
    select pg_describe_object('pg_class'::regclass, f.oid, 0),
      case when ${isCopy} then 'REFERENCES, and UPDATE or DELETE to lock it' else 'REFERENCES' end, quote_ident(current_user)
    from (select distinct confrelid as oid from pg_constraint where contype = 'f' and conrelid = ${oid}::oid) f
    where f.oid <> ${oid}::oid
      and not (
        has_any_column_privilege(f.oid, 'REFERENCES')
        and (not ${isCopy} or has_table_privilege(f.oid, 'UPDATE, DELETE, TRUNCATE'))
      )
    order by what, wanted`
}
