// Foreign keys that begin or end at the table, as rows; and how one is added to a table that has rows, without a scan
// under a strong lock: NOT VALID in the swap, validated behind it (SHARE UPDATE EXCLUSIVE: everybody reads and writes).
//
// Before 18 a partitioned table cannot have one that is not validated. So each leaf gets it, and is validated by
// itself; the parent then takes the leaves' own for its, without reading a row. With 100 leaves and a server of two
// cores: 43 to 65 ms under the lock of the swap, as on 18, and 44 to 89 ms for the parent's (writers wait for that).

import { readRows } from '../../../catalog/dump/reading.ts'
import { quoteLiteral } from '../../../sql/quote.ts'
import { sql } from '../../../sql/sql.ts'
import { doBlock, onEveryLeaf, type Bound } from './context.ts'

export interface ForeignKey {
  readonly name: string
  readonly table: string
  readonly tableIsPartitioned: boolean
  readonly referenced: string
  /** As SQL writes them. */
  readonly referencedColumns: readonly string[]
  readonly toItself: boolean
  readonly incoming: boolean
  /** Without NOT VALID. */
  readonly definition: string
  readonly validated: boolean
  readonly enforced: boolean
  readonly comment: string | null
}

/** Not those of partitions that came from their parent's, nor those that stand for a partition of what is referenced. */
export async function readForeignKeys(bound: Bound): Promise<readonly ForeignKey[]> {
  const { oid } = bound.row
  const enforced = bound.reading.version >= 180_000 ? sql`con.conenforced` : sql`true`
  return await readRows<ForeignKey>(
    bound.reading,
    sql`
    select quote_ident(con.conname) as name,
      format('%I.%I', n.nspname, c.relname) as table,
      c.relkind = 'p' as "tableIsPartitioned",
      format('%I.%I', fn.nspname, f.relname) as referenced,
      array(
        select quote_ident(a.attname)
        from unnest(con.confkey) with ordinality k (number, at)
        join pg_attribute a on a.attrelid = con.confrelid and a.attnum = k.number
        order by k.at
      ) as "referencedColumns",
      con.conrelid = con.confrelid as "toItself",
      con.confrelid = ${oid}::oid and con.conrelid <> ${oid}::oid as incoming,
      regexp_replace(pg_get_constraintdef(con.oid), ' NOT VALID$', '') as definition,
      con.convalidated as validated,
      ${enforced} as enforced,
      obj_description(con.oid, 'pg_constraint') as comment
    from pg_constraint con
    join pg_class c on c.oid = con.conrelid
    join pg_namespace n on n.oid = c.relnamespace
    join pg_class f on f.oid = con.confrelid
    join pg_namespace fn on fn.oid = f.relnamespace
    where con.contype = 'f'
      and con.conparentid = 0
      and ${oid}::oid in (con.conrelid, con.confrelid)
    order by n.nspname, c.relname, con.conname`,
  )
}

export interface LaterKey {
  readonly table: string
  readonly isPartitioned: boolean
  readonly key: ForeignKey
  readonly version: number
}

/** What adds it in `adopt` and makes it as valid as it was in `settle`. Each of `settle` can be run again. */
export function addLater({ table, isPartitioned, key, version }: LaterKey): { adopt: string[]; settle: string[] } {
  const add = `add constraint ${key.name} ${key.definition}`
  if (!key.enforced) return { adopt: [`alter table ${table} ${add}`], settle: [] }
  const validate = `alter table ${table} validate constraint ${key.name}`
  if (!isPartitioned || version >= 180_000) {
    return { adopt: [`alter table ${table} ${add} not valid`], settle: key.validated ? [validate] : [] }
  }
  const leaf = (statement: string): string =>
    onEveryLeaf(
      quoteLiteral(table),
      `execute ${quoteLiteral('alter table only ')} || leaf || ${quoteLiteral(statement)};`,
    )
  return {
    adopt: [leaf(` ${add} not valid`)],
    settle: [
      leaf(` validate constraint ${key.name}`),
      doBlock(`begin
  if not exists (
    select
    from pg_catalog.pg_constraint
    where conrelid = ${quoteLiteral(table)}::regclass
      and contype = 'f'
      and pg_catalog.quote_ident(conname) = ${quoteLiteral(key.name)}
  ) then
    alter table ${table} ${add};
  end if;
end`),
    ],
  }
}
