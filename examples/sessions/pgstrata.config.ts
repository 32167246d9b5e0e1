import { avg, count, countIf, defineConfig } from 'pgstrata'
import {
  blocksBetween,
  endForgottenSessions,
  eventsOfSession,
  expireSessions,
  liveSessionOf,
  openReports,
  releaseStaleReports,
  sessionsOf,
} from './src/db/statements/index.ts'
import { drain } from './src/maintenance/drain.ts'

/** Nothing is declared of the tables, and `pgstrata apply` takes away what would keep `pgstrata migrate down` from going back. */
const isUndeclared = process.env['SESSIONS_UNDECLARE'] === 'yes'

const tables = {
  telemetry_events: {
    time: 'created_at',
    partition: 'month',
    ahead: 6,
    // Long ago on purpose: nothing is made before what `retain` keeps, so there is always room for a year.
    from: '2025-01-01',
    retain: '1 year',
    // Rows are only added, and looked for by what few of them have.
    storage: { autovacuum_vacuum_insert_scale_factor: 0.05, autovacuum_analyze_scale_factor: 0.02 },
    statistics: { kind: 500, session_id: 500 },
  },
  nonces: { expire: { where: 'expires_at < now()', every: '5 min' } },
} as const

const rollups = {
  sessions_hourly: {
    from: 'sessions',
    time: 'created_at',
    bucket: '1 hour',
    measures: { sessions: count(), ended: countIf("status = 'ended'"), seconds: avg('duration_s') },
  },
  telemetry_hourly: {
    from: 'telemetry_events',
    bucket: '1 hour',
    by: ['kind'],
    measures: { events: count() },
  },
  reports_daily: {
    from: 'reports',
    time: 'created_at',
    bucket: '1 day',
    by: ['reason'],
    measures: {
      reports: count(),
      upheld: countIf("status = 'upheld'"),
      dismissed: countIf("status = 'dismissed'"),
    },
  },
  reported_wallets: {
    from: 'reports',
    time: 'created_at',
    bucket: '1 hour',
    by: ['reported'],
    measures: { reports: count(), upheld: countIf("status = 'upheld'") },
    totals: {
      windows: { '1d': '1 day', '7d': '7 days', '30d': '30 days' },
      index: ['reports_7d desc', 'reports desc'],
    },
  },
} as const

const live = {
  tables: {
    // Of a wallet's own sessions alone: the service sees to that. Who began one never changes. Who comes to it is not known at first, and
    // nobody listens for that; afterwards it never changes either. Else each change of any session would be told to every wallet.
    sessions: {
      columns: ['a_addr', 'b_addr', 'status', 'created_at', 'started_at', 'ended_at', 'ended_by', 'expires_at'],
      filters: ['a_addr', 'b_addr', 'status'],
      fixed: ['a_addr', 'b_addr'],
    },
    // For moderators: that there is something to read. By whom, and of whom, is not said, for one of them may be meant.
    reports: {
      columns: ['reason', 'status', 'created_at', 'claimed_by', 'resolved_at'],
      filters: ['status', 'reason'],
      fixed: ['reason'],
    },
  },
  rollups: ['sessions_hourly', 'reports_daily'],
} as const

/** Work of the table of cron lines in the original design, beside what `expire`, `optimize`, `security` and the rules do of it. */
const own = {
  expire_sessions: { every: '5 min', run: drain(expireSessions, endForgottenSessions) },
  release_reports: { every: '5 min', run: drain(releaseStaleReports) },
} as const

export default defineConfig({
  database: {
    primary: process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:54322/sessions',
    // As the original design has it.
    pool: {
      max: 50,
      min: 5,
      idleTimeout: '10s',
      connectTimeout: '1s',
      queryTimeout: '5s',
      statementTimeout: '10s',
    },
  },
  tables: (isUndeclared ? {} : tables) as typeof tables,
  rollups: (isUndeclared ? {} : rollups) as typeof rollups,
  live: (isUndeclared ? { tables: live.tables } : live) as typeof live,
  // What is kept of users, balances and blocks goes when they change; the feed captures sessions and reports for `live` as it is.
  changes: { tables: ['users', 'balances', 'blocks'] },
  cache: {
    ...(process.env['REDIS_URL'] === undefined ? {} : { redis: process.env['REDIS_URL'] }),
    namespaces: {
      user: { ttl: '10 min' },
      session: { ttl: '1 hour' },
      balance: { ttl: '30s' },
      reports: { ttl: '5 min' },
    },
  },
  watch: {},
  // The thresholds of the original design: slow from 50 ms on, a warning above 100 ms, one call in ten that fails, three hits in five, and a
  // pool without a connection to give.
  alerts: {
    rules: {
      QueryNoticeable: { over: '50ms' },
      QuerySlow: { over: '100ms', severity: 'warning' },
      ErrorRateHigh: { over: '10%' },
      CacheHitRatioLow: { under: '60%' },
      PoolExhausted: { over: 0 },
    },
  },
  expect: {
    live_session_of: { sql: liveSessionOf.text, index: 'sessions_live_a_idx' },
    sessions_of: { sql: sessionsOf.text, index: 'sessions_a_addr_idx' },
    open_reports: { sql: openReports.text, index: 'reports_queue_idx' },
    blocks_between: { sql: blocksBetween.text, index: 'blocks_pair_idx' },
    events_of_session: { sql: eventsOfSession.text, index: 'telemetry_events_session_idx' },
  },
  server: {},
  jobs: {
    // The table of cron lines of the original design: every 15 minutes, every hour; what is watched is looked at all the time.
    builtIn: { optimize: '15 min', security: '1 hour' },
    own,
  },
  dev: {
    version: 18,
    port: 54_322,
    replicas: 0,
    database: 'sessions',
    preload: ['pg_stat_statements'],
    settings: { track_io_timing: 'on', max_wal_size: '4GB' },
  },
})
