// Backups: moments that a restored one is known by, and which were restored to see that they can be.

export const backupTables: readonly string[] = [
  `create table pgstrata.backup_mark (
  id bigint generated always as identity primary key,
  made_at timestamptz not null default clock_timestamp(),
  lsn pg_lsn not null default pg_current_wal_insert_lsn()
)`,
  `comment on table pgstrata.backup_mark is 'Moments, one a minute: what a restored database holds of them says to which moment it was restored.'`,
  `create index backup_mark_made_at on pgstrata.backup_mark (made_at)`,
  `create table pgstrata.backup_check (
  id bigint generated always as identity primary key,
  backup text not null,
  target timestamptz not null,
  began_at timestamptz not null,
  ended_at timestamptz,
  outcome text check (outcome in ('verified', 'failed')),
  found jsonb,
  failure text
)`,
  `comment on table pgstrata.backup_check is 'Backups that were restored into a server of their own, and what was found there.'`,
  `create table pgstrata.backup_record (
  label text primary key,
  kind text not null check (kind in ('full', 'differential', 'incremental')),
  began_at timestamptz not null,
  ended_at timestamptz not null,
  bytes bigint not null,
  stored_bytes bigint not null,
  wal_from text not null,
  wal_to text not null,
  error text,
  seen_at timestamptz not null default clock_timestamp()
)`,
  `comment on table pgstrata.backup_record is 'What the repository held when it was last looked at, for those who cannot reach it.'`,
]
