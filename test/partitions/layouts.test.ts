// The layouts people ask for, declared as they state them: applied to empty tables and to partitioned ones just made, and
// held against the catalog. The second plan is always empty (applyTables looks).

import { expect, test } from 'vitest'
import type { Layout, PartitionedTable, PartitionIndex } from '../../src/partitions/options.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { applyTables, declare, partitionNames } from './support.ts'

const at = new Date('2026-01-15T12:00:00Z')

const month = (column: string, split?: { column: string; into: number }): Layout => ({
  kind: 'time',
  column,
  grain: 'month',
  zone: 'UTC',
  split,
})
const index = (said: Partial<PartitionIndex> & Pick<PartitionIndex, 'name' | 'on'>): PartitionIndex => ({
  unique: false,
  method: 'btree',
  where: undefined,
  include: [],
  with: {},
  ...said,
})

const declared: readonly PartitionedTable[] = [
  declare({ key: 'prices', table: 'PriceSnapshot', layout: month('recordedAt'), ahead: 6 }),
  declare({ key: 'balances', table: 'TokenBalance', layout: { kind: 'hash', column: 'walletId', into: 8 }, ahead: 0 }),
  declare({
    key: 'portfolios',
    table: 'PortfolioSnapshot',
    layout: month('capturedAt', { column: 'walletId', into: 4 }),
    from: '2024-01-01',
  }),
  declare({
    key: 'probes',
    table: 'probe_results',
    layout: { kind: 'time', column: 'probe_timestamp', grain: 'day', zone: 'UTC', split: undefined },
    ahead: 7,
    from: '2025-01-01',
    retain: { keep: { age: '90 days' }, grace: '1 day', finally: 'drop', archive: undefined },
    brin: true,
  }),
  declare({
    key: 'telemetry',
    table: 'telemetry_events',
    layout: month('recorded_at'),
    indexes: [index({ name: 'payload', on: 'payload', method: 'gin' })],
    storage: { fillfactor: '90', autovacuum_vacuum_scale_factor: '0.02' },
    statistics: { device: 1_000 },
  }),
  declare({
    key: 'plays',
    layout: month('played_at'),
    from: '2024-01-01',
    indexes: [index({ name: 'by_song', on: 'song_id, played_at desc' }), index({ name: 'id', on: 'id', unique: true })],
  }),
]

const columns: Readonly<Record<string, string>> = {
  PriceSnapshot:
    '"recordedAt" timestamptz not null, "tokenId" bigint not null, price numeric, primary key ("tokenId", "recordedAt")',
  TokenBalance:
    '"walletId" text not null, "tokenId" bigint not null, balance numeric, primary key ("walletId", "tokenId")',
  PortfolioSnapshot:
    '"capturedAt" timestamp not null, "walletId" uuid not null, total numeric, primary key ("walletId", "capturedAt")',
  probe_results: 'probe_timestamp timestamptz not null, node_id text, stream_id text, success boolean',
  telemetry_events: 'recorded_at timestamptz not null, device text not null, payload jsonb',
  plays: 'id bigint not null, played_at timestamptz not null, song_id bigint, amount numeric',
}
const keys: Readonly<Record<string, string>> = {
  PriceSnapshot: 'range ("recordedAt")',
  TokenBalance: 'hash ("walletId")',
  PortfolioSnapshot: 'range ("capturedAt")',
  probe_results: 'range (probe_timestamp)',
  telemetry_events: 'range (recorded_at)',
  plays: 'range (played_at)',
}

describeOnEachVersion('declared layouts', (_version, database) => {
  test.each(['empty', 'partitioned'])('of %s tables', async (kind) => {
    const { db } = database()
    for (const [table, list] of Object.entries(columns)) {
      const by = kind === 'empty' ? '' : `partition by ${keys[table] ?? ''}`
      await db.query(sql.raw(`drop table if exists "${table}"; create table "${table}" (${list}) ${by}`))
    }
    await db.query(sql`drop schema if exists pgstrata cascade`)
    expect((await applyTables(db, declared, { at })).held).toEqual([])

    expect(await partitionNames(db, '"PriceSnapshot"')).toEqual([
      'PriceSnapshot_2026_01',
      'PriceSnapshot_2026_02',
      'PriceSnapshot_2026_03',
      'PriceSnapshot_2026_04',
      'PriceSnapshot_2026_05',
      'PriceSnapshot_2026_06',
      'PriceSnapshot_2026_07',
    ])
    expect(await partitionNames(db, '"TokenBalance"')).toEqual(
      [0, 1, 2, 3, 4, 5, 6, 7].map((n) => `TokenBalance_part_${n}`),
    )
    expect((await partitionNames(db, '"PortfolioSnapshot"')).slice(0, 2)).toEqual([
      'PortfolioSnapshot_2024_01',
      'PortfolioSnapshot_2024_02',
    ])
    expect(await partitionNames(db, '"PortfolioSnapshot_2024_01"')).toEqual(
      [0, 1, 2, 3].map((n) => `PortfolioSnapshot_2024_01_part_${n}`),
    )
    const probes = await partitionNames(db, 'probe_results')
    expect([probes.length, probes[0], probes.at(-1)]).toEqual([
      98,
      'probe_results_2025_10_17',
      'probe_results_2026_01_22',
    ])
    const plays = await partitionNames(db, 'plays')
    expect([plays.length, plays[0], plays.at(-1)]).toEqual([27, 'plays_2024_01', 'plays_2026_03'])
  })

  test('rows go where their time and key say, through the table and back', async () => {
    const { db } = database()
    await db.query(sql`
      insert into "PortfolioSnapshot" ("capturedAt", "walletId", total)
      select timestamp '2024-01-01' + n * interval '9 hours', gen_random_uuid(), n
      from generate_series(0, 1999) n`)
    const { rows } = await db.query<{ wrong: number; leaves: number }>(sql`
      select count(*) filter (where tableoid::regclass::text not like '%' || to_char("capturedAt", 'YYYY_MM') || '_part_%')::int4 as wrong,
        count(distinct tableoid)::int4 as leaves
      from "PortfolioSnapshot"`)
    expect(rows[0]?.wrong).toBe(0)
    expect(rows[0]?.leaves).toBeGreaterThan(80)
  })

  test('each partition has its own indexes, settings and targets; also those that the table cannot have', async () => {
    const { db } = database()
    const { rows } = await db.query<{ definition: string }>(sql`
      select pg_get_indexdef(indexrelid) as definition
      from pg_index
      where indrelid in ('telemetry_events_2026_01'::regclass, 'plays_2024_01'::regclass, 'probe_results_2026_01_15'::regclass)
      order by 1`)
    expect(rows.map(({ definition }) => definition)).toEqual([
      'CREATE INDEX plays_2024_01_by_song ON public.plays_2024_01 USING btree (song_id, played_at DESC)',
      "CREATE INDEX probe_results_2026_01_15_brin ON public.probe_results_2026_01_15 USING brin (probe_timestamp) WITH (autosummarize='on')",
      'CREATE INDEX telemetry_events_2026_01_payload ON public.telemetry_events_2026_01 USING gin (payload)',
      'CREATE UNIQUE INDEX plays_2024_01_id ON public.plays_2024_01 USING btree (id)',
    ])
    const leaf = await db.query<{ options: string[]; target: number }>(sql`
      select c.reloptions as options, a.attstattarget::int4 as target
      from pg_class c
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'device'
      where c.relname in ('telemetry_events_2026_01')`)
    expect(leaf.rows).toEqual([{ options: ['fillfactor=90', 'autovacuum_vacuum_scale_factor=0.02'], target: 1_000 }])
  })
})
