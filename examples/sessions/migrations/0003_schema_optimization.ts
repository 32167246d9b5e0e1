// How long a session took, kept with it; and how the tables are stored that change most.
//
// `duration_s` is kept by a trigger for whatever is written from now on, and filled in for what is there in small batches: a generated column
// would write the whole table anew while nobody could use it. Outside a transaction, for the batches: every statement may be carried
// out again.

import type { MigrationContext } from 'pgstrata/migrate'

export const transaction = false

type Query = MigrationContext['query']

export async function up({ query, sql, backfill }: MigrationContext): Promise<void> {
  await query(sql`alter table sessions add column if not exists duration_s integer`)
  await query(sql`
    create or replace function sessions_keep_duration()
    returns trigger
    language plpgsql
    as $$
    begin
      new.duration_s := case
        when new.ended_at > new.started_at then extract(epoch from new.ended_at - new.started_at)::integer
        when new.ended_at <= new.started_at then 0
      end;
      return new;
    end
    $$`)
  await query(sql`
    create or replace trigger sessions_keep_duration
    before insert or update of started_at, ended_at on sessions
    for each row
    execute function sessions_keep_duration()`)
  await backfill({
    table: ['sessions'],
    set: sql`duration_s = greatest(0, extract(epoch from ended_at - started_at))::integer`,
    where: sql`duration_s is null and ended_at is not null and started_at is not null`,
  })
  await addCheck({ query, sql })
  for (const setting of settings) await query(sql.raw(setting))
}

export async function down({ query, sql }: MigrationContext): Promise<void> {
  // All at once: a trigger without its column would refuse whoever writes.
  await query(sql`
    do $$
    begin
      drop trigger if exists sessions_keep_duration on sessions;
      drop function if exists sessions_keep_duration();
      alter table sessions drop constraint if exists sessions_duration, drop column if exists duration_s;
    end
    $$`)
  for (const setting of settingsBefore) await query(sql.raw(setting))
}

/** New rows are checked at once, the others while everybody goes on. */
async function addCheck({
  query,
  sql,
}: {
  readonly query: Query
  readonly sql: MigrationContext['sql']
}): Promise<void> {
  const { rows } = await query<{ there: boolean }>(sql`
    select exists (
      select
      from pg_constraint
      where conrelid = 'sessions'::regclass
        and conname = 'sessions_duration'
    ) as there`)
  if (rows[0]?.there !== true) {
    await query(sql`
      alter table sessions
      add constraint sessions_duration
      check ((duration_s is not null) = (started_at is not null and ended_at is not null) and duration_s >= 0)
      not valid`)
  }
  await query(sql`alter table sessions validate constraint sessions_duration`)
}

/** Room in each page for rows that change where they are; rows that come and go are cleared away sooner; wallets follow a power law. */
const settings = [
  'alter table users set (fillfactor = 85)',
  'alter table sessions set (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.02)',
  'alter table reports set (fillfactor = 85)',
  'alter table balances set (fillfactor = 75, autovacuum_vacuum_scale_factor = 0.05)',
  'alter table nonces set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05)',
  'alter table sessions alter column a_addr set statistics 500, alter column b_addr set statistics 500',
  'alter table telemetry_events alter column kind set statistics 500, alter column session_id set statistics 500',
]

const settingsBefore = [
  'alter table telemetry_events alter column kind set statistics -1, alter column session_id set statistics -1',
  'alter table sessions alter column a_addr set statistics -1, alter column b_addr set statistics -1',
  'alter table nonces reset (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor)',
  'alter table balances reset (fillfactor, autovacuum_vacuum_scale_factor)',
  'alter table reports reset (fillfactor)',
  'alter table sessions reset (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor)',
  'alter table users reset (fillfactor)',
]
