// What was measured, of servers and by applications. The four of time are partitioned and rolled up as any table of a user
// is; the texts of statements stand once.

export const watchTables: readonly string[] = [
  `create table pgstrata.watch_metric (
  at timestamptz not null,
  node text not null,
  metric text not null,
  labels text not null,
  value double precision not null
) partition by range (at)`,
  `comment on table pgstrata.watch_metric is 'What probes measured: of gauges the value, of counters what was added since the reading before.'`,
  `create table pgstrata.watch_statement (
  at timestamptz not null,
  node text not null,
  queryid bigint not null,
  calls bigint not null,
  exec_ms double precision not null,
  plan_ms double precision not null,
  rows bigint not null,
  blocks_hit bigint not null,
  blocks_read bigint not null,
  temp_blocks bigint not null,
  io_ms double precision not null,
  wal_bytes bigint not null
) partition by range (at)`,
  `comment on table pgstrata.watch_statement is 'What pg_stat_statements counted since the reading before, of the statements that took most; queryid 0 is all others.'`,
  `create table pgstrata.watch_session (
  at timestamptz not null,
  node text not null,
  wait_type text not null,
  wait text not null,
  queryid bigint not null,
  samples bigint not null
) partition by range (at)`,
  `comment on table pgstrata.watch_session is 'Active sessions, looked at once a second and added up by what they waited for (CPU: for nothing) and by statement; queryid 0 is all others.'`,
  `create table pgstrata.watch_call (
  at timestamptz not null,
  node text not null,
  shape text not null,
  bin smallint not null,
  calls bigint not null,
  errors bigint not null,
  seconds double precision not null
) partition by range (at)`,
  `comment on table pgstrata.watch_call is 'What applications saw of their statements, and of work they named, by bin of duration: histograms that add up.'`,
  `create table pgstrata.watch_shape (
  shape text primary key,
  kind text not null,
  text text not null,
  queryid bigint,
  seen_at timestamptz not null default now()
)`,
  `comment on table pgstrata.watch_shape is 'What statements look alike but for their constants, as applications send them, and what the server calls them.'`,
  `create table pgstrata.watch_query (
  queryid bigint primary key,
  text text not null,
  seen_at timestamptz not null default now()
)`,
  `comment on table pgstrata.watch_query is 'Texts of statements by what the server calls them, without their constants.'`,
  `create table pgstrata.watch_now (
  node text not null,
  probe text not null,
  at timestamptz,
  every_ms double precision not null,
  took_ms double precision,
  unavailable text,
  failure text,
  detail jsonb,
  series jsonb not null,
  seen_at timestamptz not null default now(),
  primary key (node, probe)
) with (fillfactor = 50)`,
  `comment on table pgstrata.watch_now is 'The newest answer of each probe, whole, for processes that do not measure themselves.'`,
]
