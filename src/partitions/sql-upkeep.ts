// The bodies of pgstrata.upkeep (what is to do) and pgstrata.upkeep_step (one thing of it): what the daemon's jobs decide
// in TypeScript (retire-plan.ts), in PL/pgSQL.

import { mostDetached } from './retire-plan.ts'
import { periodParameters } from './periods.ts'
import { tableLockArguments } from './table-lock.ts'
import { marks } from './template.ts'

/** What stands in a call of the functions over the parameters of periods.ts, from a row of pgstrata.layout. */
const fromLayout: Readonly<Record<(typeof periodParameters)[number][0], string>> = {
  parent: 'parent',
  schema_name: 'layout.schema_name',
  table_name: 'layout.table_name',
  column_type: 'column_type',
  grain: 'layout.grain',
  step: 'layout.step',
  zone: 'layout.zone',
  starts: 'layout.starts',
  ahead: 'layout.ahead',
  names: 'layout.names',
  retain: 'layout.retain',
  at: 'moment',
  largest: 'largest',
}

const layoutArguments = periodParameters.map(([name]) => fromLayout[name]).join(', ')

/** One table that cannot be looked at does not stop the others. */
export const upkeepBody: string = `declare
  layout pgstrata.layout;
  parent oid;
  column_type text;
  largest int8;
  newest record;
begin
  select l.* into layout
  from pgstrata.layout as l
  where l.schema_name = of_schema
    and l.table_name = of_table
    and l.kind <> 'hash'
    and not l.paused;
  if not found then
    return;
  end if;
  select c.oid, coalesce(base.typname, t.typname)::text into parent, column_type
  from pg_class as c
  join pg_namespace as n on n.oid = c.relnamespace
  join pg_partitioned_table as p on p.partrelid = c.oid
  join pg_attribute as a on a.attrelid = c.oid and a.attnum = p.partattrs[0]
  join pg_type as t on t.oid = a.atttypid
  left join pg_type as base on base.oid = t.typbasetype
  where n.nspname = of_schema
    and c.relname = of_table
    and p.partstrat = 'r'
    and p.partnatts = 1
    and a.attname = layout.column_name;
  if parent is null or exists (
    select
    from pgstrata.conversion as v
    where v.schema_name = of_schema
      and v.table_name = of_table
      and v.finished_at is null
  ) then
    return;
  end if;
  if layout.kind = 'id' then
    -- As the daemon does (queries.ts): newest first, and never those of the default partition.
    for newest in
      select n.nspname, c.relname
      from pg_inherits as i
      join pg_class as c on c.oid = i.inhrelid
      join pg_namespace as n on n.oid = c.relnamespace
      join pg_partitioned_table as p on p.partrelid = i.inhparent
      where i.inhparent = parent
        and p.partdefid <> c.oid
      order by substring(pg_get_expr(c.relpartbound, c.oid) from '^FOR VALUES FROM [(]''?(-?[0-9]+)')::numeric desc nulls last
    loop
      execute format(
        -- No row is no id: greatest() and least() would make the smallest of it.
        'select floor(least(greatest(id::numeric, -9223372036854775808), 9223372036854775807))::int8
        from (select max(%I) as id from %I.%I) as newest
        where id is not null',
        layout.column_name, newest.nspname, newest.relname) into largest;
      exit when largest is not null;
    end loop;
  end if;
  return query
  select case when m.taken then 'taken' else 'make' end, null::oid, of_schema, m.partition_name, m.lower_bound, m.upper_bound
  from pgstrata.missing_partitions(${layoutArguments}) as m;
  if layout.retain is null then
    return;
  end if;
  return query
  select *
  from (
    select case
        when r.whereabouts in ('gone', 'renamed', 'elsewhere') then 'release'
        when r.whereabouts = 'pending' and r.state = 'detaching' then 'finalize'
        when r.whereabouts in ('pending', 'attached') and r.state <> 'detaching' then 'release'
        when r.whereabouts = 'apart' and r.state = 'detaching' then 'note'
        when r.whereabouts = 'apart' and r.grace_over and layout.retain ->> 'finally' = 'keep'
          and (r.state = 'archived' or layout.retain ->> 'archive' is distinct from 'true') then 'keep'
        when r.whereabouts = 'apart' and r.grace_over
          and (r.state = 'archived' or layout.retain ->> 'archive' is distinct from 'true') then 'drop'
      end as action,
      r.partition_oid, r.partition_schema, r.partition_name, r.lower_bound, r.upper_bound
    from pgstrata.retired_partitions(parent, of_schema, of_table, moment) as r
    where not r.finished
  ) as known
  where known.action is not null;
  return query
  select 'detach', d.partition_oid, d.schema_name, d.partition_name, d.lower_bound, d.upper_bound
  from pgstrata.retirable_partitions(${layoutArguments}) as d
  where d.due
    -- Its rows are in its table, and nobody moves them: what is packed is unpacked by the daemon first.
    and not exists (
      select
      from pgstrata.tier_partition as t
      where t.partition_oid = d.partition_oid
        and t.state not in ('hot', 'slim')
    )
    and not exists (
      select
      from pgstrata.retired_partitions(parent, of_schema, of_table, moment) as r
      where r.partition_oid = d.partition_oid
        and (r.state = 'released' or r.state <> 'detaching')
    )
  limit ${mostDetached};
exception when others then
  raise warning 'pgstrata: table %.% is left out: %', of_schema, of_table, sqlerrm;
end`

const isApart = `select count(*) > 0 into fits
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      where c.oid = of_oid
        and n.nspname::text = of_partition_schema
        and c.relname::text = of_name
        and not c.relispartition
        and not exists (select from pg_catalog.pg_inherits where inhrelid = c.oid)`

const ourRecord = `schema_name = of_schema
        and table_name = of_table
        and partition_oid = of_oid
        and finished_at is null`

/** A transaction's worth of work, looked at once more under its locks: done, left, or busy (the table has to wait for the next call). */
export const upkeepStepBody: string = `declare
  parent oid := pg_catalog.to_regclass(pg_catalog.format('%I.%I', of_schema, of_table));
  subject text := pg_catalog.format('%I.%I', of_partition_schema, of_name);
  statement text;
  fits boolean;
  is_foreign boolean;
begin
  if parent is null or not pg_catalog.pg_try_advisory_xact_lock(${tableLockArguments('parent')}) then
    raise notice 'pgstrata: another session works on %.%; % is left for the next call', of_schema, of_table, of_name;
    return 'busy';
  end if;
  case action
    when 'taken' then
      raise warning 'pgstrata: % is missing, and its name belongs to another relation', subject;
      return 'left';
    when 'make' then
      if pg_catalog.to_regclass(subject) is not null then
        return 'left';
      end if;
      for statement in
        select m.text
        from pgstrata.layout as l
        cross join lateral pg_catalog.unnest(l.make) with ordinality as m (text, place)
        where l.schema_name = of_schema
          and l.table_name = of_table
        order by m.place
      loop
        -- An index may be declared with an operator class by its bare name.
        perform pg_catalog.set_config('search_path', case when pg_catalog.starts_with(statement, 'do ') then '' else of_path end, true);
        execute pg_catalog.replace(
          pg_catalog.replace(statement, '${marks.name}', pg_catalog.replace(of_name, '"', '""')),
          '${marks.bound}', pg_catalog.format('for values from (%s) to (%s)', of_lower, of_upper));
        perform pg_catalog.set_config('search_path', '', true);
      end loop;
    when 'detach' then
      execute pg_catalog.format('lock table only %I.%I in access exclusive mode', of_schema, of_table);
      select count(*) > 0 into fits
      from pg_catalog.pg_inherits
      where inhparent = parent
        and inhrelid = of_oid
        and not inhdetachpending;
      if not fits then
        return 'left';
      end if;
      execute pg_catalog.format('alter table %I.%I detach partition %s', of_schema, of_table, of_oid::pg_catalog.regclass);
      insert into pgstrata.retired_partition
        (schema_name, table_name, partition_schema, partition_name, partition_oid, lower_bound, upper_bound)
      select of_schema, of_table, of_partition_schema, of_name, of_oid, of_lower, of_upper
      where not exists (
        select
        from pgstrata.retired_partition
        where ${ourRecord}
      );
    when 'finalize' then
      execute pg_catalog.format('alter table %I.%I detach partition %s finalize', of_schema, of_table, of_oid::pg_catalog.regclass);
    when 'drop' then
      select count(*) > 0 into is_foreign
      from pg_catalog.pg_class
      where oid = of_oid
        and relkind = 'f';
      -- LOCK TABLE takes no foreign table; a comment keeps others from renaming and dropping it just as well.
      execute pg_catalog.format(
        case when is_foreign then 'comment on foreign table %s is null' else 'lock table %s in access exclusive mode' end, subject);
      ${isApart};
      if not fits then
        return 'left';
      end if;
      execute pg_catalog.format(case when is_foreign then 'drop foreign table %s' else 'drop table %s' end, subject);
    else
      null;
  end case;
  if action in ('detach', 'finalize', 'note') then
    update pgstrata.retired_partition
    set state = 'detached',
      drop_after = pg_catalog.clock_timestamp() + (
        select (l.retain ->> 'grace')::pg_catalog.interval
        from pgstrata.layout as l
        where l.schema_name = of_schema
          and l.table_name = of_table
      )
    where ${ourRecord};
  elsif action in ('drop', 'keep', 'release') then
    update pgstrata.retired_partition
    set state = case action when 'drop' then 'dropped' when 'keep' then 'kept' else 'released' end,
      note = case action when 'release' then 'somebody else has it now' end,
      finished_at = pg_catalog.clock_timestamp()
    where ${ourRecord};
  end if;
  return 'done';
exception
  when lock_not_available or deadlock_detected then
    raise notice 'pgstrata: the lock for % (%) was not to be had; it is left for the next call', subject, action;
    return 'busy';
  when check_violation then
    raise warning 'pgstrata: % could not be made: rows of it lie in the default partition', subject;
    return 'left';
  when foreign_key_violation then
    raise warning 'pgstrata: % stays: rows of another table still refer to it', subject;
    return 'left';
  when others then
    raise warning 'pgstrata: % (%): %', subject, action, sqlerrm;
    return 'left';
end`
