import { count, countIf, defineConfig, sum } from 'pgstrata'
import { payoutJob } from './src/payouts/job.ts'
import { packedAfterDays } from './src/payouts/results.ts'

/** What three measures of a stream or of a node are made of: the rows of `probe_results` that count for each. */
const polls = {
  total_polls: countIf("probe_type = 'stats_poll'"),
  successful_polls: countIf("probe_type = 'stats_poll' and success"),
  failed_spot_checks: countIf("probe_type = 'spot_check' and not success"),
}

export default defineConfig({
  database: {
    primary: process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:54321/streamr',
    pool: { max: 20 },
  },
  tables: {
    probe_results: {
      time: 'probe_timestamp',
      partition: 'day',
      ahead: 7,
      // Long ago on purpose: nothing is made before what `retain` keeps, so there is always room for 90 days.
      from: '2025-01-01',
      retain: '90 days',
      // What is older is counted, if at all, node by node: it is packed that way, and read by `probe_results_between`.
      warm: { after: `${packedAfterDays} days`, segmentBy: ['stream_id', 'node_id'], orderBy: ['probe_timestamp'] },
    },
  },
  rollups: {
    node_earnings_hourly: { from: 'probe_results', bucket: '1 hour', by: ['stream_id', 'node_id'], measures: polls },
    stream_earnings_hourly: { from: 'probe_results', bucket: '1 hour', by: ['stream_id'], measures: polls },
    node_payouts: {
      from: 'payout_lines',
      time: 'paid_for',
      bucket: '1 hour',
      by: ['node_id'],
      measures: { amount: sum('amount'), payouts: count() },
      totals: { windows: { '1d': '1 day', '7d': '7 days' }, index: ['amount desc', 'amount_1d desc'] },
    },
    stream_payouts: {
      from: 'payout_lines',
      time: 'paid_for',
      bucket: '1 hour',
      by: ['stream_id'],
      measures: { amount: sum('amount'), payouts: count() },
      totals: { windows: { '1d': '1 day', '7d': '7 days' }, index: ['amount desc'] },
    },
  },
  live: {
    tables: {
      streams: { columns: ['status', 'viewers', 'token_balance', 'reward_per_hour', 'excluded'] },
      nodes: {
        // Neither whose it is nor where it stands: everybody may follow the nodes of a stream.
        columns: ['stream_id', 'status', 'last_heartbeat', 'display_name'],
        filters: ['stream_id', 'user_id', 'status'],
      },
      comments: {
        columns: ['stream_id', 'user_id', 'content', 'status', 'created_at'],
        filters: ['stream_id'],
        fixed: ['stream_id'],
      },
      // By status, so that the service can leave out what somebody is not to hear: that they were blocked.
      friendships: { filters: ['status'] },
      fraud_findings: {
        columns: ['node_id', 'stream_id', 'rule', 'found_at', 'resolved_at'],
        filters: ['stream_id', 'node_id'],
        fixed: ['stream_id', 'node_id'],
      },
      payout_runs: { columns: ['as_of', 'hours_back', 'streams', 'nodes', 'total', 'duration_ms'] },
    },
    rollups: ['node_earnings_hourly', 'stream_earnings_hourly', 'node_payouts', 'stream_payouts'],
    tops: { node_payouts: ['amount', 'amount_1d'], stream_payouts: ['amount'] },
  },
  // Answers that are the same for everybody. Of who only reads: a live page reads what it was told of, and who wrote, what they wrote.
  // What is out of date is still given, once as long, while it is read anew: nobody waits for what others ask for just as often.
  cache: {
    namespaces: {
      streams: { ttl: '5s', staleFor: '5s', negativeTtl: '1s' },
      nodes: { ttl: '1 min', staleFor: '1 min', negativeTtl: '1s' },
      preview: { ttl: '5s', staleFor: '5s' },
      runs: { ttl: '1 min', staleFor: '1 min', negativeTtl: '1s' },
    },
  },
  watch: {},
  // The four alerts of the original design.
  alerts: {
    rules: {
      PayoutSlow: {
        metric: 'pgstrata_call_max_seconds',
        where: { shape: 'work:calculate_payouts' },
        over: '2s',
        severity: 'critical',
        summary: 'A calculation of payouts took {value}',
      },
      CpuHigh: { over: '70%' },
      ConnectionsHigh: { over: '80%' },
      ExpectedIndexUnused: { severity: 'warning' },
    },
  },
  expect: {
    payouts_of_a_stream: {
      sql: `
        select node_id, count(*)
        from probe_results
        where stream_id = $1
          and probe_timestamp >= $2
          and probe_timestamp < $3
        group by node_id`,
      index: 'probe_results_performance_idx',
    },
    comments_of_a_stream: {
      sql: `
        select comment_id, content
        from comments
        where stream_id = $1
          and status = 'VISIBLE'
          and comment_id < $2
        order by comment_id desc
        limit 50`,
      index: 'comments_visible_idx',
    },
  },
  server: {},
  jobs: {
    own: {
      // Five minutes after the hour, for the hour that ended: what a prober had still to write is there by then.
      payouts: { cron: '5 * * * *', overlap: 'queue', run: payoutJob },
    },
  },
  dev: {
    version: 18,
    port: 54_321,
    replicas: 0,
    database: 'streamr',
    preload: ['pg_stat_statements'],
    settings: { track_io_timing: 'on', max_wal_size: '4GB' },
  },
})
