// Rollups: which there are, how far they are filled, and when they were merged.

export const rollupTables: readonly string[] = [
  `create table pgstrata.rollup (
  name text primary key,
  schema_name text not null,
  table_name text not null,
  declared jsonb not null,
  shape jsonb not null,
  state text not null check (state in ('filling', 'live')),
  filled_to text,
  made_at timestamptz not null default clock_timestamp(),
  filled_at timestamptz,
  merged_at timestamptz,
  merged_rows bigint,
  merge_ms double precision
) with (fillfactor = 50)`,
  `comment on table pgstrata.rollup is 'Rollups that are kept. One that is being filled has no view yet; buckets before filled_to are in it.'`,
  `comment on column pgstrata.rollup.shape is 'Keys, states and measures as they are kept, with their expressions: what captures and merges is made of it.'`,
]

/** What stands in the way of merging is known after a restart, too. */
export const rollupMerging: readonly string[] = [
  `create table pgstrata.rollup_merging (
  name text primary key references pgstrata.rollup on update cascade on delete cascade,
  seen_at timestamptz,
  failures integer not null default 0,
  failing_since timestamptz,
  tried_at timestamptz,
  last_error text,
  todo text
) with (fillfactor = 50)`,
  `comment on table pgstrata.rollup_merging is 'How the job that merges gets on with each rollup: when it last saw to it, and what has stood in its way since.'`,
  `comment on column pgstrata.rollup_merging.seen_at is 'Everything that was committed by then is merged; noted once a minute.'`,
  `comment on column pgstrata.rollup_merging.todo is 'What a person can do about the last error.'`,
  `comment on column pgstrata.rollup_merging.failures is 'In a row, up to tried_at; 0: the last try went through.'`,
]

/** Definitions change while rollups are read. */
export const rollupChanges: readonly string[] = [
  `alter table pgstrata.rollup drop constraint rollup_state_check, add constraint rollup_state_check check (state in ('filling', 'refilling', 'live')), add column replaces text`,
  `comment on table pgstrata.rollup is 'Rollups that are kept. One that is being filled has no view yet, one that is being refilled a view without its new measures; buckets before filled_to are in it.'`,
  `comment on column pgstrata.rollup.replaces is 'The rollup whose place this one takes when it is filled, declared in another way.'`,
]
