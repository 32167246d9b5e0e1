// Plain views: which are declared.

export const plainViewTables: readonly string[] = [
  `create table pgstrata.plain_view (
  name text primary key,
  schema_name text not null,
  declared jsonb not null,
  made_at timestamptz not null default clock_timestamp()
)`,
  `comment on table pgstrata.plain_view is 'Plain views that are kept, as they were declared.'`,
]
