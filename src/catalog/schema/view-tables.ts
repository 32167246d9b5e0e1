// Materialized views: which are declared, and how fresh each is.

export const viewTables: readonly string[] = [
  `create table pgstrata.view (
  name text primary key,
  schema_name text not null,
  declared jsonb not null,
  tags text[] not null default '{}',
  made_at timestamptz not null default clock_timestamp(),
  last_refreshed timestamptz,
  refresh_ms double precision,
  row_count bigint,
  refreshed_how text check (refreshed_how in ('concurrently', 'plainly')),
  failed_at timestamptz,
  last_error text,
  built_as text,
  built_at timestamptz
) with (fillfactor = 50)`,
  `comment on table pgstrata.view is 'Materialized views that are kept, as they were declared, and what became of their last refresh.'`,
  `comment on column pgstrata.view.last_refreshed is 'What the view holds was true then, or a moment later.'`,
  `comment on column pgstrata.view.last_error is 'Why the last refresh failed; null once one went through.'`,
  `comment on column pgstrata.view.built_as is 'Of which declaration a replacement stands ready beside the view; null: there is none.'`,
  `create view pgstrata.view_freshness as
select name, schema_name, tags, last_refreshed,
  pg_catalog.clock_timestamp() operator(pg_catalog.-) last_refreshed as staleness,
  pg_catalog.make_interval(secs => refresh_ms operator(pg_catalog./) 1000) as duration,
  row_count as rows, refreshed_how, failed_at, last_error
from pgstrata.view`,
  `comment on view pgstrata.view_freshness is 'How fresh each materialized view that is kept is.'`,
]
