// Reads what the readers of a table are made from. Expressions are written as they are under an empty search_path, so that functions
// with a path of their own find everything they name.

import { StrataError } from '../../base/errors.ts'
import { partitionOf } from '../../catalog/tiered.ts'
import { onlyRow, type Queryable } from '../../db/db.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import { readCurrentColumns } from '../model/current-columns.ts'
import { numbersHere, tableOf } from '../model/numbers.ts'
import { packedKeyTrigger } from '../model/objects.ts'
import type { PackedColumn } from '../pack/column.ts'
import type { LivePack, TableFacts, TierObjects, UniqueKey } from './objects.ts'

export interface TableSubject {
  readonly schema: string
  readonly table: string
  readonly oid: number
  /** The id in pgstrata.tier_table, which it may be yet to get. */
  readonly number: number
  readonly segmentBy: readonly string[]
}

/** Of a table that was applied, with the packs that readers read by the rows of its partitions. */
export async function readObjects(on: Queryable, number: number): Promise<TierObjects> {
  const { rows } = await on.query<TableSubject>(sql`
    select t.id as number, n.nspname::text as schema, c.relname::text as table, c.oid::int8::float8 as oid,
      coalesce(t.declared #> '{warm,segmentBy}', '[]') as "segmentBy"
    from pgstrata.tier_table t
    join pg_class c on c.oid = ${tableOf}
    join pg_namespace n on n.oid = c.relnamespace
    where t.id = ${number}`)
  const [subject] = rows
  if (subject === undefined) throw new StrataError('TIER_STATE', { message: `There is no table ${number} with tiers` })
  return { ...(await readTableObjects(on, subject)), packs: await readLivePacks(on, subject) }
}

/** Without its packs. */
export async function readTableObjects(on: Queryable, subject: TableSubject): Promise<TierObjects> {
  const { schema, table, oid, number, segmentBy } = subject
  const columns = await readCurrentColumns(on, oid)
  const key = await on.query<{ attnum: number }>(sql`
    select partattrs[0]::int4 as attnum
    from pg_partitioned_table
    where partrelid = ${oid}::oid`)
  const axis = columns.find(({ attnum }) => attnum === onlyRow(key).attnum)
  if (axis === undefined) {
    throw new StrataError('TIER_REFUSED', {
      message: `Table ${schema}.${table} is not partitioned by one of its columns`,
    })
  }
  return { table: { schema, table }, number, columns, axis, segmentBy, packs: [], ...(await readWritten(on, oid)) }
}

/** What the server writes, with every name in full. */
async function readWritten(on: Queryable, oid: number): Promise<Pick<TierObjects, 'keys' | 'facts'>> {
  const path = onlyRow(await on.query<{ path: string }>(sql`select current_setting('search_path') as path`)).path
  const { keys, ...facts } = onlyRow(
    await on.query<TableFacts & { readonly keys: readonly UniqueKey[] }>(sql`
      with settings as materialized (
        select set_config('search_path', '', true) as path
      )
      select pg_get_userbyid(c.relowner)::text as owner, c.relowner = current_user::regrole as "isMine",
        ${expressionsWhere('=')} as defaults,
        ${expressionsWhere('<>')} as generated,
        (
          select coalesce(json_agg(json_build_object('name', k.conname, 'expression', pg_get_expr(k.conbin, k.conrelid) || settings.path)
            order by k.conname), '[]')
          from pg_constraint k
          where k.conrelid = c.oid
            and k.contype = 'c'
            and to_jsonb(k) ->> 'conenforced' is distinct from 'false'
        ) as checks,
        ${keysOf} as keys
      from settings
      cross join pg_class c
      where c.oid = ${oid}::oid`),
  )
  // In a transaction the setting would stay.
  await on.query(sql`select set_config('search_path', ${path}, true)`)
  return { keys, facts }
}

/** Computed behind the setting, which every expression is put together with. */
function expressionsWhere(generated: '=' | '<>'): ReturnType<typeof sql> {
  return sql`(
          select coalesce(json_object_agg(a.attname, pg_get_expr(d.adbin, d.adrelid) || settings.path), '{}')
          from pg_attrdef d
          join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
          where d.adrelid = c.oid
            and a.attgenerated ${sql.raw(generated)} ''
        )`
}

const keysOf = sql`(
          select coalesce(json_agg(json_build_object(
              'name', x.relname,
              'primary', i.indisprimary,
              'nullsNotDistinct', i.indnullsnotdistinct,
              'predicate', pg_get_expr(i.indpred, i.indrelid) || settings.path,
              'parts', (
                select json_agg(json_build_object(
                  'column', a.attname,
                  'expression', pg_get_indexdef(i.indexrelid, part.place::int4, false) || settings.path,
                  'equals', case when n.nspname = 'pg_catalog' then o.oprname else format('operator(%I.%s)', n.nspname, o.oprname) end
                ) order by part.place)
                from unnest(i.indkey::int2[], i.indclass::oid[]) with ordinality as part (number, class, place)
                left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = part.number and part.number > 0
                join pg_opclass k on k.oid = part.class
                join pg_amop m on m.amopfamily = k.opcfamily and m.amoplefttype = k.opcintype and m.amoprighttype = k.opcintype
                  and m.amopstrategy = 3
                join pg_operator o on o.oid = m.amopopr
                join pg_namespace n on n.oid = o.oprnamespace
                where part.place <= i.indnkeyatts
              ),
              'columns', (
                select json_agg(distinct a.attname)
                from pg_attribute a
                where a.attrelid = i.indrelid
                  and (a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1]) or exists (
                    select
                    from pg_depend d
                    where d.classid = 'pg_class'::regclass
                      and d.objid = i.indexrelid
                      and d.refclassid = 'pg_class'::regclass
                      and d.refobjid = i.indrelid
                      and d.refobjsubid = a.attnum
                  ))
                  and a.attnum > 0
              )
            ) order by i.indisprimary desc, x.relname), '[]')
          from pg_index i
          join pg_class x on x.oid = i.indexrelid
          where i.indrelid = c.oid
            and i.indisunique
            and i.indisvalid
        )`

interface PackRow {
  readonly id: string
  readonly partition: string
  readonly lower: string
  readonly upper: string
  readonly leaves: LivePack['leaves']
  readonly isChecked: boolean
  readonly hasLateRows: boolean
  readonly columns: readonly PackedColumn[]
  readonly segmentBy: readonly string[]
  readonly orderBy: readonly string[]
  readonly axis: string
}

export async function readLivePacks(
  on: Queryable,
  subject: Pick<TableSubject, 'number' | 'oid'>,
): Promise<readonly LivePack[]> {
  return await readPacks(on, subject, sql`k.id = p.pack`)
}

/** One pack of a partition of the table, whether it is read or not. */
export async function readPack(on: Queryable, number: number, id: bigint): Promise<LivePack> {
  const { rows } = await on.query<{ oid: number }>(sql`
    select (${tableOf})::oid::int8::float8 as oid
    from pgstrata.tier_table t
    where t.id = ${number}`)
  const [pack] = await readPacks(
    on,
    { number, oid: rows[0]?.oid ?? 0 },
    sql`k.tier_partition = p.id and k.id = ${id}::int8`,
  )
  if (pack === undefined) throw new StrataError('TIER_STATE', { message: `There is no pack ${id}` })
  return pack
}

/** In the order in which their partitions became known. */
async function readPacks(
  on: Queryable,
  { number, oid }: Pick<TableSubject, 'number' | 'oid'>,
  which: Sql,
): Promise<readonly LivePack[]> {
  const { rows } = await on.query<PackRow>(sql`
    select k.id::text as id, p.id::text as partition, p.lower_bound as lower, p.upper_bound as upper, now.columns,
      to_json(k.segment_by) as "segmentBy", to_json(k.order_by) as "orderBy",
      (
        select kept ->> 'name'
        from jsonb_array_elements(now.columns) as kept
        join pg_partitioned_table d on d.partrelid = ${oid}::oid
        where coalesce(kept -> 'number', kept -> 'attnum')::int4 = d.partattrs[0]
      ) as axis,
      coalesce((
        select json_agg(json_build_object('schema', n.nspname, 'name', c.relname) order by n.nspname, c.relname)
        from pg_partition_tree(now.partition) t
        join pg_class c on c.oid = t.relid
        join pg_namespace n on n.oid = c.relnamespace
        where t.isleaf
      ), '[]') as leaves,
      not exists (
        select
        from pg_partition_tree(now.partition) t
        where t.isleaf
          and not exists (
            select
            from pg_trigger g
            where g.tgrelid = t.relid
              and g.tgname = ${packedKeyTrigger}
              and g.tgfoid = to_regprocedure(format('pgstrata.pack_%s_key()', k.id))
              and g.tgenabled = 'A'
          )
      ) as "isChecked",
      coalesce((${columnNames(sql`to_regclass('pgstrata.pack_' || k.id || '_late')`)})
        = (${columnNames(sql`${oid}::oid`)}), false) as "hasLateRows"
    from pgstrata.tier_partition p
    join pgstrata.tier_table t on t.id = p.tier_table
    join pgstrata.tier_pack k on ${which}
    cross join lateral (
      select ${sql.raw(numbersHere('k.columns', 'number'))} as columns,
        coalesce(
          (select oid from pg_class where oid = ${sql.raw(partitionOf)}),
          -- Made again by somebody, and not noted yet.
          (
            select inhrelid
            from pg_inherits
            where inhrelid = to_regclass(format('%I.%I', p.partition_schema, p.partition_name))
              and inhparent = ${oid}::oid
          )
        ) as partition
    ) as now
    where p.tier_table = ${number}
    order by p.id`)
  return rows.map(
    ({ id, partition, lower, upper, leaves, isChecked, hasLateRows, columns, segmentBy, orderBy, axis }) => ({
      id: BigInt(id),
      partition: BigInt(partition),
      lower,
      upper,
      leaves,
      isChecked,
      hasLateRows,
      shape: { id: BigInt(id), columns, segmentBy, orderBy, axis },
    }),
  )
}

function columnNames(relation: Sql): Sql {
  return sql`
        select array_agg(a.attname order by a.attnum)
        from pg_attribute a
        where a.attrelid = ${relation}
          and a.attnum > 0
          and not a.attisdropped
      `
}
