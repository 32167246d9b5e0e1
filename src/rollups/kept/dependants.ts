// Who reads the views of a rollup, or its levels, by views and functions of their own: those would have to go with them.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { levelOf } from '../model/names.ts'
import type { Rollup } from '../model/options.ts'
import { ownRelations } from '../model/own-relations.ts'

export async function readDependants(on: Queryable, rollup: Rollup): Promise<readonly string[]> {
  const views = [
    ...ownRelations(rollup).flatMap(({ kind, place }) => (kind === 'view' ? [place] : [])),
    ...(rollup.levels ?? []).map((unit) => levelOf(rollup, unit)),
  ]
  const { rows } = await on.query<{ name: string }>(sql`
    with own as (
      select to_regclass(name)::oid as oid
      from unnest(${views}::text[]) as named (name)
    )
    select distinct pg_describe_object(case when r.oid is null then d.classid else 'pg_class'::regclass end, coalesce(r.ev_class, d.objid), 0) as name
    from pg_depend d
    join own on own.oid = d.refobjid and d.refclassid = 'pg_class'::regclass
    left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    where d.deptype = 'n'
      and coalesce(r.ev_class, 0) not in (select oid from own where oid is not null)
      and (r.oid is not null or d.classid = 'pg_proc'::regclass)
    order by name`)
  return rows.map(({ name }) => name)
}
