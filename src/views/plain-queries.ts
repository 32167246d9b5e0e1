// pgstrata.plain_view, and what the catalog knows of the plain views that are in it.

import type { Queryable } from '../db/db.ts'
import { quoteLiteral } from '../sql/quote.ts'
import { sql } from '../sql/sql.ts'
import { columnShapes } from './check.ts'
import { placeOf } from './names.ts'
import type { ManagedObject } from '../plan/index.ts'
import type { PlainView } from './options.ts'
import { readAttributes, readStorage } from './replace.ts'
import { sourcesRead, type SourceRead } from './uses.ts'

export interface KeptPlain {
  readonly name: string
  readonly schema: string
  readonly declared: PlainView
}

/** None where the table is not there yet. */
export async function readKeptPlain(on: Queryable): Promise<readonly KeptPlain[]> {
  const present = await on.query(sql`select where to_regclass('pgstrata.plain_view') is not null`)
  if (present.rows.length === 0) return []
  const { rows } = await on.query<KeptPlain>(sql`
    select name, schema_name as schema, declared
    from pgstrata.plain_view
    order by name`)
  return rows
}

/** How the plan and its record call it. */
export function identityOf({ schema, name }: Pick<PlainView, 'schema' | 'name'>): string {
  return `view ${schema}.${name}`
}

/** How the schema dump finds it. */
export function refOf({ schema, name }: Pick<PlainView, 'schema' | 'name'>): ManagedObject['ref'] {
  return { kind: 'view', schema, name }
}

export function insertPlain(view: PlainView): string {
  const said = [view.name, view.schema, JSON.stringify(view)].map(quoteLiteral).join(', ')
  return `insert into pgstrata.plain_view (name, schema_name, declared)
values (${said})
on conflict (name) do update
set (schema_name, declared) = (excluded.schema_name, excluded.declared)`
}

/** With the record of how it was left, which would be taken for one of a later view of that name. */
export function forgetPlain(view: Pick<PlainView, 'schema' | 'name'>): readonly string[] {
  return [
    `delete from pgstrata.plain_view where name = ${quoteLiteral(view.name)}`,
    `delete from pgstrata.managed_object where identity = ${quoteLiteral(identityOf(view))}`,
  ]
}

/** A plain view as it stands. */
export interface Standing {
  /** Its query, as the server prints it. */
  readonly definition: string
  /** Each with its type; see columnShapes. */
  readonly columns: readonly string[]
  /** `with (…)`, or empty. */
  readonly storage: string
  /** To be run when another one has its name: owner, rights, comments, defaults. */
  readonly attributes: readonly string[]
  /** Made by hand at it, and gone with it: triggers and rules. */
  readonly bound: readonly string[]
  readonly sources: readonly SourceRead[]
}

/** `columns`: of the one that takes its place, if they are others. */
export async function readStanding(
  on: Queryable,
  view: Pick<PlainView, 'schema' | 'name'>,
  columns?: readonly string[],
): Promise<Standing | undefined> {
  const place = placeOf(view)
  const { rows } = await on.query<
    Pick<Standing, 'definition' | 'columns' | 'bound' | 'sources'> & { names: readonly string[] }
  >(sql`
    select rtrim(pg_get_viewdef(c.oid), '; ') as definition,
      ${columnShapes} as columns,
      array(
        select attname::text from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum
      ) as names,
      array(
        select format('trigger %s', tgname) from pg_trigger where tgrelid = c.oid and not tgisinternal
        union all
        select format('rule %s', rulename) from pg_rewrite where ev_class = c.oid and rulename <> '_RETURN'
        order by 1
      ) as bound,
      ${sourcesRead} as sources
    from pg_class c
    where c.oid = to_regclass(${place})
      and c.relkind = 'v'`)
  const [found] = rows
  if (found === undefined) return undefined
  const { names, ...standing } = found
  const attributes = await readAttributes(on, view, { noun: 'view', columns: columns ?? names })
  const storage = await readStorage(on, view)
  return { ...standing, storage, attributes: [...attributes, ...(await readDefaults(on, place, columns ?? names))] }
}

async function readDefaults(on: Queryable, place: string, columns: readonly string[]): Promise<readonly string[]> {
  const { rows } = await on.query<{ statement: string }>(sql`
    select format('alter view %s alter column %I set default %s', ${place}::text, a.attname,
      pg_get_expr(d.adbin, d.adrelid)) as statement
    from pg_attrdef d
    join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
    where d.adrelid = to_regclass(${place})
      and a.attname = any (${columns}::text[])
    order by a.attnum`)
  return rows.map(({ statement }) => statement)
}
