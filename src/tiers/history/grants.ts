// Whose the readers are, and who may use them: the owner of the table, and whoever may read or change all of it. A right to some of
// its columns is none to these.
//
// What holds: views read with the rights of the table's owner, so nobody needs a right to a pack; the function reads with those of
// whoever calls it, who may therefore read what is unpacked as well. No policy of the table reaches what is not in it: while it has
// row security, the readers are its owner's alone.

import { onlyRow, type Queryable } from '../../db/db.ts'
import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { placesOf, type TierObjects } from './objects.ts'

/** Statements for behind those that make them. */
export function shareReaders(objects: TierObjects): readonly string[] {
  const { owner, isMine } = objects.facts
  const name = quoteIdent(owner)
  return [
    ...(isMine
      ? []
      : [
          `grant usage on schema pgstrata to ${name}`,
          `grant select on pgstrata.tier_partition to ${name}`,
          `grant select, insert on pgstrata.tier_touch to ${name}`,
        ]),
    syncText(objects),
  ]
}

/** Default privileges may have granted on what was just made; so it is read when it runs. */
function syncText(objects: TierObjects): string {
  const text = rights(objects)
  return `do $pgstrata$
declare
  statement text;
begin
  for statement in
    with ${text}, change as (
      select 1 as place, kind, relation, grantee, privilege, 'revoke' as verb, 'from' as word
      from (select * from actual except select * from wanted) as surplus
      union all
      select 2, kind, relation, grantee, privilege, 'grant', 'to'
      from (select * from wanted except select * from actual) as lacking
    )
    select pg_catalog.format('%s %s on %s %s %s %s', verb, privilege, kind, relation, word,
      case grantee when 0 then 'public' else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) end)
    from change
    order by place, relation, grantee, privilege
  loop
    execute statement;
  end loop;
end
$pgstrata$`
}

/** Somebody may do with the readers what he may not with the table, or the other way round; or they are somebody else's. */
export async function readRightsDiffer(on: Queryable, objects: TierObjects): Promise<boolean> {
  const { owner } = objects.facts
  const { rows } = await on.query<{ differ: boolean }>(sql`
    with ${sql.raw(rights(objects))}
    select exists (select * from actual except select * from wanted)
      or exists (select * from wanted except select * from actual)
      -- Before the first apply there is nothing to have a right to.
      or case when to_regclass('pgstrata.tier_touch') is null then true else not ${ownerMay(owner)} end as differ`)
  return onlyRow({ rows, rowCount: rows.length }).differ
}

function ownerMay(owner: string): Sql {
  return sql`(has_schema_privilege(${owner}::name, 'pgstrata', 'usage')
        and has_table_privilege(${owner}::name, 'pgstrata.tier_partition', 'select')
        and has_table_privilege(${owner}::name, 'pgstrata.tier_touch', 'select')
        and has_table_privilege(${owner}::name, 'pgstrata.tier_touch', 'insert'))`
}

/** Two lists of the same columns: what is to be granted, and what is; the owner's own aside. */
function rights(objects: TierObjects): string {
  const { table, history, between, segments, unpacked, moved, cut } = placesOf(objects)
  const relation = (place: string): string => `pg_catalog.to_regclass(${quoteLiteral(place)})`
  const called = [between, moved, cut]
  const readers = [history, segments, unpacked]
  const wantedOf = (kind: string, place: string, privilege: string): string =>
    `select '${kind}', ${quoteLiteral(place)}, grantee, '${privilege}' from granted where privilege = 'SELECT'`
  return `granted as (
  select a.grantee, a.privilege_type as privilege
  from pg_catalog.pg_class as c
  cross join lateral pg_catalog.aclexplode(c.relacl) as a
  where c.oid = ${relation(table)}
    and a.grantee <> c.relowner
    and not c.relrowsecurity
    and a.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
), wanted (kind, relation, grantee, privilege) as (
  select 'table', ${quoteLiteral(history)}, grantee, privilege from granted
  union all
  ${wantedOf('table', segments, 'SELECT')}
  union all
  ${wantedOf('table', unpacked, 'SELECT')}
  union all
  ${called.map((place) => wantedOf('function', place, 'EXECUTE')).join('\n  union all\n  ')}
  union all
  ${wantedOf('schema', 'pgstrata', 'USAGE')}
), actual (kind, relation, grantee, privilege) as (
  select 'table', own.name, a.grantee, a.privilege_type
  from (values ${readers.map((place) => `(${quoteLiteral(place)})`).join(', ')}) as own (name)
  join pg_catalog.pg_class as c on c.oid = pg_catalog.to_regclass(own.name)
  cross join lateral pg_catalog.aclexplode(c.relacl) as a
  where a.grantee <> c.relowner
  union all
  select 'function', own.name, a.grantee, a.privilege_type
  from (values ${called.map((place) => `(${quoteLiteral(place)})`).join(', ')}) as own (name)
  join pg_catalog.pg_proc as p on p.oid = pg_catalog.to_regprocedure(own.name)
  cross join lateral pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) as a
  where a.grantee <> p.proowner
  union all
  select distinct 'schema', 'pgstrata', w.grantee, 'USAGE'
  from wanted as w
  where w.kind = 'schema'
    and (w.grantee = 0 and exists (
        select
        from pg_catalog.pg_namespace as n
        cross join lateral pg_catalog.aclexplode(n.nspacl) as a
        where n.nspname = 'pgstrata'
          and a.grantee = 0
          and a.privilege_type = 'USAGE'
      ) or w.grantee <> 0 and pg_catalog.has_schema_privilege(w.grantee, 'pgstrata', 'usage'))
)`
}
