// What the upkeep of partitions needs to know, also from SQL alone: how each table is laid out, and what became of
// partitions that were taken out.

export const layoutTables: readonly string[] = [
  `create table pgstrata.layout (
  schema_name text not null,
  table_name text not null,
  kind text not null check (kind in ('time', 'id', 'hash')),
  column_name text not null,
  grain text check (grain in ('hour', 'day', 'week', 'month', 'quarter', 'year')),
  step bigint check (step > 0),
  zone text not null default 'UTC',
  starts text,
  ahead integer not null default 0 check (ahead >= 0),
  names text not null,
  outside text not null default 'refuse' check (outside in ('refuse', 'default')),
  make text[] not null default '{}',
  retain jsonb,
  paused boolean not null default false,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (schema_name, table_name),
  check ((kind = 'time') = (grain is not null)),
  check ((kind = 'id') = (step is not null))
)`,
  `comment on table pgstrata.layout is 'How each table is laid out. make holds the statements that make one partition.'`,
  `create table pgstrata.retired_partition (
  schema_name text not null,
  table_name text not null,
  partition_schema text not null,
  partition_name text not null,
  partition_oid oid not null,
  lower_bound text,
  upper_bound text,
  state text not null default 'detaching' check (state in ('detaching', 'detached', 'archived', 'dropped', 'kept', 'released')),
  retired_at timestamptz not null default clock_timestamp(),
  drop_after timestamptz,
  finished_at timestamptz,
  note text,
  primary key (schema_name, table_name, partition_oid, retired_at)
)`,
  `comment on table pgstrata.retired_partition is 'Partitions that retention took out, and what became of them. released: somebody else has it now (note says how), and it is never touched again.'`,
]
