// The feed of changes: which incarnation it is in, and what is captured where the WAL is not decoded.

export const feedTables: readonly string[] = [
  `create table pgstrata.feed (
  only_one boolean primary key default true check (only_one),
  source text not null check (source in ('wal', 'outbox')),
  epoch text not null,
  slot_name text,
  state text not null check (state in ('making', 'made')),
  told boolean not null default false,
  why text not null,
  system_id text not null,
  timeline integer not null,
  begun_at timestamptz not null default clock_timestamp()
)`,
  `comment on table pgstrata.feed is 'The incarnation of the feed of changes: a new epoch begins wherever changes may have been missed.'`,
  `comment on column pgstrata.feed.told is 'Every listener has heard that this epoch begins.'`,
  `create table pgstrata.outbox (
  xid xid8 not null default pg_current_xact_id(),
  id bigint generated always as identity,
  schema_name text not null,
  table_name text not null,
  kind text not null check (kind in ('insert', 'update', 'delete', 'truncate')),
  key jsonb,
  noted_at timestamptz not null default clock_timestamp(),
  primary key (xid, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000)`,
  `comment on table pgstrata.outbox is 'Changes that the feed has still to deliver, where wal_level is not logical.'`,
  `create table pgstrata.outbox_commit (
  position pg_lsn primary key,
  xid xid8 not null unique,
  handled boolean not null default false
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000)`,
  `create table pgstrata.outbox_full (
  xid xid8 not null default pg_current_xact_id(),
  noted_at timestamptz not null default clock_timestamp()
)`,
  `comment on table pgstrata.outbox_full is 'A row: the outbox has outgrown its cap, and nothing is noted until the feed begins anew.'`,
  `comment on table pgstrata.outbox_commit is 'In which order transactions of the outbox are delivered: by when they were first seen to be visible.'`,
  `create function pgstrata.feed_note_truncate()
returns trigger
language plpgsql
security definer
set search_path = ''
as 'begin
  perform pg_catalog.pg_logical_emit_message(true, ''pgstrata_truncate'', pg_catalog.pg_partition_root(tg_relid)::pg_catalog.oid::text);
  return null;
end'`,
  `comment on function pgstrata.feed_note_truncate() is 'Says in the WAL that a partition was truncated, which its root''s publication leaves out.'`,
  `revoke all on function pgstrata.feed_note_truncate() from public`,
]
