// Archives: one row for each partition that was written to a store, and one for each of its files.

export const archiveTables: readonly string[] = [
  `create table pgstrata.archive (
  id bigint generated always as identity primary key,
  tier_partition bigint,
  schema_name text not null,
  table_name text not null,
  partition_name text not null,
  lower_bound text not null,
  upper_bound text not null,
  made_in text,
  table_oid oid,
  numbered_in text,
  store text not null,
  prefix text not null,
  state text not null check (state in ('exporting', 'verified', 'only copy', 'superseded', 'lost', 'removing', 'removed')),
  format integer not null default 1,
  columns jsonb not null,
  definition text not null,
  rows bigint,
  bytes bigint,
  content_one numeric,
  content_two numeric,
  server_version integer not null,
  archived_at timestamptz,
  verified_at timestamptz,
  last_tried_at timestamptz,
  last_checked_at timestamptz,
  check_failure text
)`,
  `comment on table pgstrata.archive is 'Partitions as files in a store. One in state "only copy" is nowhere else any more.'`,
  `comment on column pgstrata.archive.made_in is 'The database that made it. In a copy of that one its files are those of the original.'`,
  `comment on column pgstrata.archive.table_oid is 'Of the table with whose numbers its columns are known, in the database numbered_in.'`,
  `comment on column pgstrata.archive.store is 'Its URL, without secrets.'`,
  `comment on column pgstrata.archive.definition is 'Statements that make the table anew, as it was.'`,
  `create index archive_of_table on pgstrata.archive (schema_name, table_name, id)`,
  `create table pgstrata.archive_file (
  archive bigint not null references pgstrata.archive,
  number integer not null,
  key text not null,
  rows bigint not null,
  bytes bigint not null,
  sha256 text not null,
  least text,
  most text,
  content_one numeric not null,
  content_two numeric not null,
  columns jsonb not null,
  primary key (archive, number)
)`,
  `comment on table pgstrata.archive_file is 'Files of archives: where each is, and what it has to be when it is read back.'`,
  `create view pgstrata.archive_metadata as
select a.schema_name, a.table_name, left(a.lower_bound, 7) as month_year, a.rows as record_count, f.key as file_path,
  f.bytes as compressed_size, a.archived_at
from pgstrata.archive as a
join pgstrata.archive_file as f on f.archive = a.id
where a.state in ('verified', 'only copy')`,
  `comment on view pgstrata.archive_metadata is 'Files of archives that can be relied on.'`,
]
