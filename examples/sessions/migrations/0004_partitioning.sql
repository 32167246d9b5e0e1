-- Telemetry is cut into months: what is there is prepared for that, and `pgstrata deploy` (an empty table) or `pgstrata convert` (one with
-- rows, while it is written to) does the rest, by what pgstrata.config.ts declares. Back again comes one ordinary table with all rows.

-- up
-- A time without end lies in no month, and would keep the table in one piece for ever.
alter table telemetry_events add constraint telemetry_events_time check (isfinite(created_at)) not valid;

begin;
alter table telemetry_events validate constraint telemetry_events_time;
commit;

-- down
-- Readers go on while rows are copied, writers wait: who sends telemetry sends it again. Where a rollup still counts the table it is refused,
-- and nothing is changed.
do $$
declare
  made text[];
  keys text;
  counting text;
begin
  if (select relkind from pg_class where oid = 'telemetry_events'::regclass) <> 'p' then
    return;
  end if;

  select string_agg(distinct function.proname, ', ')
  into counting
  from pg_depend as uses
  join pg_proc as function on function.oid = uses.objid
  where uses.classid = 'pg_proc'::regclass
    and uses.refclassid = 'pg_class'::regclass
    and uses.refobjid = 'telemetry_events'::regclass;
  if counting is not null then
    raise exception 'telemetry_events is still counted by a rollup (%)', counting
      using hint = 'Run "pgstrata apply" with SESSIONS_UNDECLARE=yes first: it takes away what is declared of the table.';
  end if;

  lock table telemetry_events in share row exclusive mode;

  select array_agg(replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') order by indexrelid)
  into made
  from pg_index
  where indrelid = 'telemetry_events'::regclass
    and not indisprimary;
  select pg_get_constraintdef(oid)
  into keys
  from pg_constraint
  where conrelid = 'telemetry_events'::regclass
    and contype = 'p';

  create table telemetry_events_whole (
    like telemetry_events including defaults including constraints including storage including comments
  );
  insert into telemetry_events_whole
  select *
  from telemetry_events;

  drop table telemetry_events;
  alter table telemetry_events_whole rename to telemetry_events;
  execute 'alter table telemetry_events add constraint telemetry_events_pkey ' || keys;
  for position in 1 .. coalesce(array_length(made, 1), 0) loop
    execute made[position];
  end loop;
  alter table telemetry_events alter column kind set statistics 500, alter column session_id set statistics 500;
  analyze telemetry_events;
end
$$;

alter table telemetry_events drop constraint telemetry_events_time;
