// pgstrata.refresh_all_materialized_views(): refreshing from SQL alone, for pg_cron and for people. It is written anew whenever
// there are other views, or in another order.
//
// What holds: each view is refreshed behind what it reads, in a subtransaction: one that fails is told as a warning, and the
// others go on, without those that read it. One that is being refreshed elsewhere is left, which is told as a notice. All is one
// transaction: a view that is not refreshed CONCURRENTLY cannot be read until the end of it.

import type { Routine } from '../catalog/routines.ts'
import { quoteLiteral } from '../sql/quote.ts'
import { viewLockArguments } from './names.ts'
import type { Upstream } from './order.ts'

export function refreshFunction(names: readonly string[], upstream: Upstream): Routine {
  const before = Object.fromEntries(
    names.map((name) => [name, [...(upstream.get(name) ?? [])].filter((other) => names.includes(other)).toSorted()]),
  )
  return {
    kind: 'function',
    schema: 'pgstrata',
    name: 'refresh_all_materialized_views',
    argumentTypes: ['text'],
    purpose: 'Refreshes all materialized views, or those of a tag, each after what it reads; how many',
    create: `create or replace function pgstrata.refresh_all_materialized_views(tag text default null)
returns integer
language plpgsql
set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as ${quoteLiteral(bodyOf(names, before))}`,
  }
}

function bodyOf(names: readonly string[], before: Readonly<Record<string, readonly string[]>>): string {
  return `declare
  in_order constant text[] := array[${names.map(quoteLiteral).join(', ')}]::text[];
  upstream constant jsonb := ${quoteLiteral(JSON.stringify(before))};
  failed text[] := '{}';
  refreshed integer := 0;
  begun timestamptz;
  how text;
  counted bigint;
  reason text;
  one record;
begin
  for one in
    select v.name, format('%I.%I', v.schema_name, v.name) as place, c.oid,
      c.relispopulated and exists (
        select
        from pg_index i
        join pg_class ic on ic.oid = i.indexrelid
        join pg_am am on am.oid = ic.relam
        where i.indrelid = c.oid and i.indisunique and i.indimmediate and i.indisvalid
          and i.indpred is null and i.indexprs is null and am.amname = 'btree'
      ) as concurrently
    from unnest(in_order) with ordinality as listed (name, number)
    join pgstrata.view v on v.name = listed.name
    left join pg_class c on c.oid = to_regclass(format('%I.%I', v.schema_name, v.name)) and c.relkind = 'm'
    where refresh_all_materialized_views.tag is null
      or refresh_all_materialized_views.tag = any (v.tags)
    order by listed.number
  loop
    if exists (select from jsonb_array_elements_text(upstream -> one.name) as other where other = any (failed)) then
      failed := failed || one.name;
      raise warning 'Materialized view % is not refreshed: one that it reads failed', one.name;
      continue;
    end if;
    begin
      if one.oid is null then
        raise exception 'it is not there' using errcode = 'undefined_table';
      end if;
      if not pg_try_advisory_xact_lock(${viewLockArguments('one.oid')}) then
        raise notice 'Materialized view % is being refreshed by another session', one.name;
        continue;
      end if;
      how := case when one.concurrently then 'concurrently' else 'plainly' end;
      -- Behind READ COMMITTED the statement sees what is committed now; elsewhere what the transaction sees.
      begun := case current_setting('transaction_isolation')
        when 'read committed' then clock_timestamp() else transaction_timestamp() end;
      execute format('refresh materialized view %s%s', case when one.concurrently then 'concurrently ' else '' end, one.place);
      counted := null;
      begin
        execute format('select count(*) from %s', one.place) into counted;
      exception when insufficient_privilege then
        null;
      end;
      update pgstrata.view
      set last_refreshed = begun, refresh_ms = 1000 * extract(epoch from clock_timestamp() - begun),
        row_count = counted, refreshed_how = how, failed_at = null, last_error = null
      where name = one.name;
      refreshed := refreshed + 1;
    exception when others then
      reason := case when sqlstate ~ '^2[123]' then format('SQLSTATE %s', sqlstate) else sqlerrm end;
      failed := failed || one.name;
      update pgstrata.view
      set failed_at = clock_timestamp(), last_error = reason
      where name = one.name;
      raise warning 'Materialized view % is not refreshed: %', one.name, reason;
    end;
  end loop;
  return refreshed;
end`
}
