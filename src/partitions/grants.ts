// What others than its owner may do with a table, as statements that grant the same again under its name.

import type { Queryable } from '../db/db.ts'
import { sql } from '../sql/sql.ts'

export async function readGrants(on: Queryable, oid: number): Promise<readonly string[]> {
  const { rows } = await on.query<{ statement: string }>(sql`
    select format('grant %s on table %I.%I to %s%s', a.privilege_type, n.nspname, c.relname,
      case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end,
      case when a.is_grantable then ' with grant option' else '' end) as statement
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    cross join lateral aclexplode(c.relacl) with ordinality as a (grantor, grantee, privilege_type, is_grantable, place)
    where c.oid = ${oid}::oid
      and a.grantee <> c.relowner
    order by a.place`)
  return rows.map(({ statement }) => statement)
}
