// Jobs: which there are, up to when their ticks are accounted for, and what became of every run.

export const jobTables: readonly string[] = [
  `create table pgstrata.job (
  name text primary key,
  schedule text not null,
  paused boolean not null default false,
  era integer not null default 1,
  counted_until timestamptz not null default clock_timestamp(),
  open_tick timestamptz,
  updated_at timestamptz not null default clock_timestamp()
)`,
  `comment on table pgstrata.job is 'Jobs that some process runs. Ticks up to counted_until are accounted for, except open_tick: that one is under way, or was lost and is run again.'`,
  `comment on column pgstrata.job.era is 'Grows when the clock of the server was found to have been set back: the same moments come again, as other ticks.'`,
  `create table pgstrata.job_run (
  id bigint generated always as identity primary key,
  job text not null,
  era integer not null default 1,
  tick timestamptz not null,
  attempt integer not null default 1 check (attempt > 0),
  manual boolean not null default false,
  state text not null default 'running' check (state in ('running', 'done', 'failed', 'lost', 'skipped')),
  holder text not null,
  fence bigint not null,
  work text not null default '',
  progress bigint not null default 0,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  did text,
  failure text,
  details jsonb,
  unique (job, era, tick, attempt)
)`,
  `comment on table pgstrata.job_run is 'Every run of a job. A tick is done at most once.'`,
  `comment on column pgstrata.job_run.work is 'A digest of what the progress is counted in: that of another job under the same name says nothing.'`,
  `create index job_run_latest on pgstrata.job_run (job, id)`,
  `create index job_run_started on pgstrata.job_run (started_at)`,
  `create table pgstrata.table_mark (
  purpose text,
  schema_name text,
  table_name text,
  changes bigint not null,
  marked_at timestamptz not null default clock_timestamp(),
  primary key (purpose, schema_name, table_name)
)`,
  `comment on table pgstrata.table_mark is 'How many rows of a table (or index) had been changed when a job last looked at it.'`,
]
