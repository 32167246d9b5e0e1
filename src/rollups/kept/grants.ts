// Whose a rollup is, and who may read it: the owner of the source, and whoever may select from all of it. A right to some of
// the columns says nothing of what their rows come to.
//
// The functions that capture belong to the owner, too: they compute the expressions of the declaration, which may call
// functions that somebody changes later; whoever applied it may be a superuser.

import type { Queryable } from '../../db/db.ts'
import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { captureEvents, functionOf } from '../model/names.ts'
import { ownFunctions, type OwnFunction } from '../model/own-functions.ts'
import { ownRelations, type OwnRelation } from '../model/own-relations.ts'
import type { Shape } from '../model/shape.ts'

/** Statements for behind those that make tables, functions and views; `views`: they are there, and what stands beside them. */
export async function grantsOf(
  on: Queryable,
  shape: Shape,
  { views = true }: { readonly views?: boolean } = {},
): Promise<readonly string[]> {
  const { rollup } = shape
  const { rows } = await on.query<{ owner: string; mine: boolean; readers: readonly string[] }>(sql`
    select pg_get_userbyid(c.relowner)::text as owner, c.relowner = current_user::regrole as mine, array(
        select distinct case when a.grantee = 0 then '' else pg_get_userbyid(a.grantee)::text end
        from aclexplode(c.relacl) a
        where a.privilege_type = 'SELECT'
          and a.grantee <> c.relowner
        order by 1
      ) as readers
    from pg_class c
    where c.oid = ${quoteQualified(rollup.schema, rollup.table)}::regclass`)
  const there = ownRelations(rollup).filter(({ kind }) => views || kind === 'table')
  const functions = views ? ownFunctions(shape) : []
  return rows.flatMap(({ owner, mine, readers }) => [
    ...(mine ? [] : belongTo(quoteIdent(owner), shape, { relations: there, functions })),
    ...readers.flatMap((reader) => {
      const to = reader === '' ? 'public' : quoteIdent(reader)
      return [
        ...there.flatMap(({ is, place }) => (is === 'for readers' ? [`grant select on ${place} to ${to}`] : [])),
        ...functions.map(({ place }) => `grant execute on function ${place} to ${to}`),
      ]
    }),
  ])
}

interface Made {
  readonly relations: readonly OwnRelation[]
  readonly functions: readonly OwnFunction[]
}

function belongTo(owner: string, { rollup }: Shape, { relations, functions }: Made): readonly string[] {
  return [
    // To find the tables there: it has no right on anything of them that is not its own.
    `grant usage on schema pgstrata to ${owner}`,
    ...relations.map(({ kind, place }) => `alter ${kind} ${place} owner to ${owner}`),
    ...functions.map(({ place }) => `alter function ${place} owner to ${owner}`),
    ...[...captureEvents, ...(rollup.subscriber === true ? ['row' as const] : [])].map(
      (event) => `alter function ${functionOf(rollup, event)}() owner to ${owner}`,
    ),
  ]
}
