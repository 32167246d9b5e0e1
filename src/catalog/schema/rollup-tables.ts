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

/** Definitions change while rollups are read. */
export const rollupChanges: readonly string[] = [
  `alter table pgstrata.rollup drop constraint rollup_state_check, add constraint rollup_state_check check (state in ('filling', 'refilling', 'live')), add column replaces text`,
  `comment on table pgstrata.rollup is 'Rollups that are kept. One that is being filled has no view yet, one that is being refilled a view without its new measures; buckets before filled_to are in it.'`,
  `comment on column pgstrata.rollup.replaces is 'The rollup whose place this one takes when it is filled, declared in another way.'`,
]
