// Live events on their way from the process that consumes the feed to those that serve clients, where there is no Redis.

export const liveTables: readonly string[] = [
  `create table pgstrata.live (
  only_one boolean primary key default true check (only_one),
  life text not null default gen_random_uuid()::text,
  n bigint not null
)`,
  `comment on table pgstrata.live is 'Numbers the messages of pgstrata.live_log, one after the other.'`,
  `create table pgstrata.live_log (
  n bigint primary key,
  message text not null,
  bytes integer not null
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)`,
  `comment on table pgstrata.live_log is 'The latest live events, for every process that serves them. Old ones are cleared away.'`,
]
