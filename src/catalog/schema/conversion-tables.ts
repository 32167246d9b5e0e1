// Conversions of live tables: how far each has come, and what it is asked to do.

export const conversionTables: readonly string[] = [
  `create table pgstrata.conversion (
  id bigint generated always as identity primary key,
  schema_name text not null,
  table_name text not null,
  table_oid oid not null,
  method text not null check (method in ('relabel', 'copy')),
  state text not null,
  request text not null default 'run' check (request in ('run', 'pause', 'abort')),
  declared jsonb not null,
  names jsonb not null,
  facts jsonb not null,
  scripts jsonb not null,
  until_bound text,
  statements_done integer not null default 0 check (statements_done >= 0),
  in_flight jsonb,
  undo text[] not null default '{}',
  position bigint not null default 0,
  blocks bigint,
  filenode bigint,
  rows_copied bigint not null default 0,
  rows_synced bigint not null default 0,
  evidence jsonb,
  failure text,
  started_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  old_dropped_at timestamptz
)`,
  `comment on table pgstrata.conversion is 'Conversions of live tables to partitioned ones. One that has no finished_at is under way; undo holds what takes back what it made.'`,
  `create unique index conversion_one_at_a_time on pgstrata.conversion (schema_name, table_name) where finished_at is null`,
]
