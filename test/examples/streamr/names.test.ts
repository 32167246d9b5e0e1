// Every table, column, view, index and method that the original designs of streamr name is there, under that name.

import { expect, test } from 'vitest'
import config from '../../../examples/streamr/pgstrata.config.ts'
import { createPayoutService } from '../../../examples/streamr/src/payouts/service.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { useStreamr } from './support.ts'

const columns: Readonly<Record<string, readonly string[]>> = {
  streams: ['stream_id', 'sponsor_address', 'token_balance', 'rtmp_url', 'status', 'created_at'],
  nodes: [
    'node_id',
    'stream_id',
    'stats_url',
    'last_heartbeat',
    'status',
    'created_at',
    'user_id',
    'display_name',
    'location_lat',
    'location_lon',
  ],
  probe_results: ['stream_id', 'node_id', 'probe_type', 'success', 'response_data', 'error_message', 'probe_timestamp'],
  users: ['user_id', 'wallet_address', 'display_name', 'avatar_url', 'created_at'],
  friendships: ['user_id', 'friend_id', 'status', 'created_at'],
  comments: ['comment_id', 'stream_id', 'user_id', 'content', 'created_at'],
  node_earnings_hourly: ['bucket', 'stream_id', 'node_id', 'total_polls', 'successful_polls'],
}

const types: Readonly<Record<string, string>> = {
  'nodes.user_id': 'uuid',
  'nodes.display_name': 'character varying(100)',
  'nodes.location_lat': 'numeric(10,8)',
  'nodes.location_lon': 'numeric(11,8)',
  'streams.token_balance': 'numeric(38,0)',
}

/** What the roadmap calls them, and what they are. */
const indexes: readonly (readonly [string, RegExp])[] = [
  ['probe_results_performance_idx', /probe_results .*\(stream_id, node_id, probe_timestamp\)$/],
  ['probe_results_time_idx', /\(probe_timestamp\)$/],
  ['probe_results_node_idx', /\(node_id, probe_timestamp DESC\)$/],
  ['probe_results_failed_checks_idx', /WHERE .*spot_check.*NOT success/],
  ['nodes_active_idx', /WHERE .*ACTIVE/],
  ['comments_visible_idx', /\(stream_id, comment_id DESC\) WHERE .*VISIBLE/],
]

describeOnEachVersion('the names of the original designs', (version) => {
  const streamr = useStreamr(version, { days: 1 })

  test('tables, views and their columns', async () => {
    const { rows } = await streamr().db.query<{ name: string; type: string }>(sql`
      select attrelid::regclass || '.' || attname as name, format_type(atttypid, atttypmod) as type
      from pg_attribute
      where attrelid = any (${Object.keys(columns)}::regclass[])
        and attnum > 0
        and not attisdropped`)
    const found = new Map(rows.map(({ name, type }) => [name, type]))
    const named = Object.entries(columns).flatMap(([table, those]) => those.map((column) => `${table}.${column}`))
    expect(named.filter((name) => !found.has(name))).toEqual([])
    for (const [name, type] of Object.entries(types)) expect([name, found.get(name)]).toEqual([name, type])
  })

  test('indexes of the roadmap, partial ones included, all of them valid', async () => {
    const { rows } = await streamr().db.query<{ name: string; definition: string; valid: boolean }>(sql`
      select relname as name, pg_get_indexdef(indexrelid) as definition, indisvalid as valid
      from pg_index
      join pg_class on pg_class.oid = indexrelid
      where relnamespace = 'public'::regnamespace`)
    const found = new Map(rows.map(({ name, definition }) => [name, definition]))
    for (const [name, definition] of indexes) expect(found.get(name), name).toMatch(definition)
    expect(rows.filter(({ valid }) => !valid)).toEqual([])
  })

  test('a day to a partition, ninety days of them kept, and the view over hours is what a query over the table gives', async () => {
    const { partition, retain } = config.tables.probe_results
    expect([partition, retain]).toEqual(['day', '90 days'])
    const { db } = streamr()
    await db.query(sql`
      insert into probe_results (stream_id, node_id, probe_type, success)
      values ('s', 'n', 'stats_poll', true), ('s', 'n', 'stats_poll', false), ('s', 'n', 'spot_check', false)`)
    const { rows } = await db.query(sql`
      select bucket, stream_id, node_id, total_polls, successful_polls
      from node_earnings_hourly`)
    const { rows: truth } = await db.query(sql`
      select date_bin('1 hour', probe_timestamp, '2000-01-01Z') as bucket,
        stream_id,
        node_id,
        count(*) filter (where probe_type = 'stats_poll') as total_polls,
        count(*) filter (where probe_type = 'stats_poll' and success = true) as successful_polls
      from probe_results
      group by bucket, stream_id, node_id`)
    expect(rows).toEqual(truth)
    expect(rows).toHaveLength(1)
  })

  test('calculate_payouts(hours_back), its log, and the four alerts', async () => {
    const lines: string[] = []
    const service = createPayoutService({ db: streamr().kysely, log: (line) => lines.push(line) })
    expect(await service.calculate_payouts()).toEqual([])
    expect(lines).toEqual([expect.stringMatching(/^Query calculate_payouts took \d+\.\d{3}s$/)])
    const { rules } = config.alerts
    expect(rules.PayoutSlow).toMatchObject({ over: '2s', where: { shape: 'work:calculate_payouts' } })
    expect(rules.CpuHigh).toEqual({ over: '70%' })
    expect(Object.keys(rules)).toEqual(['PayoutSlow', 'CpuHigh', 'ConnectionsHigh', 'ExpectedIndexUnused'])
    expect(config.expect.payouts_of_a_stream.index).toBe('probe_results_performance_idx')
  })

  test('the health queries of the original: index usage of its tables, and its statements', async () => {
    const { monitor } = streamr().strata
    const tables = new Set((await monitor.getIndexUsage()).map(({ tablename }) => tablename))
    for (const table of ['streams', 'nodes']) expect(tables).toContain(table)
  })
})
