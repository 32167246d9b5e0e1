import { count, countIf, defineConfig, first, last, max, min, sum } from 'pgstrata'
import { alertsJob, deliveriesJob } from './src/alerts/job.ts'
import { marketJob } from './src/generator/market-job.ts'
import { archiveAfterMonths, graceDays, packAfterDays } from './src/growth/policy.ts'
import { correlationsJob } from './src/risk/job.ts'
import { snapshotJob } from './src/portfolio/snapshots.ts'
import { monitoringActions, monitoringRules } from './src/monitoring.ts'
import { connections, routing } from './src/routing.ts'
import { replicasFrom } from './src/servers.ts'

const { env } = process

/** Snapshots of a year and a month, whenever this is read: older partitions that are there stay. */
const now = new Date()
const yearAgo = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - archiveAfterMonths - 1))
  .toISOString()
  .slice(0, 10)

const cold = { after: `${archiveAfterMonths} months`, grace: `${graceDays} days` } as const
const packed = { after: `${packAfterDays} days` } as const

/** First, last, least and greatest of a time, as charts show it. */
const candle = (column: string) => ({
  open: first(column),
  close: last(column),
  low: min(column),
  high: max(column),
  samples: count(),
})

/** Something to see on the embedded server: prices that move, and what wallets have in them. */
const market = env['DATABASE_URL_PRIMARY'] === undefined ? { market: marketJob } : {}

const endpoint = env['WEDEFI_S3_ENDPOINT']

export default defineConfig({
  database: {
    primary: {
      url: env['DATABASE_URL_PRIMARY'] ?? 'postgres://postgres@127.0.0.1:54323/wedefi',
      pool: { max: connections.primary },
    },
    replicas: replicasFrom(env),
    queries: routing,
  },
  tables: {
    TokenBalance: { partition: { hash: 'walletId', into: 8 }, storage: { fillfactor: 80 } },
    PriceSnapshot: {
      time: 'recordedAt',
      partition: 'month',
      ahead: 6,
      from: yearAgo,
      warm: { ...packed, segmentBy: ['tokenId'], orderBy: ['recordedAt'] },
      cold,
    },
    PortfolioSnapshot: {
      time: 'capturedAt',
      partition: ['month', { hash: 'walletId', into: 4 }],
      ahead: 6,
      from: yearAgo,
      warm: { ...packed, segmentBy: ['walletId'], orderBy: ['capturedAt'] },
      cold,
    },
    PositionSnapshot: {
      time: 'capturedAt',
      partition: 'month',
      ahead: 6,
      from: yearAgo,
      warm: { ...packed, segmentBy: ['walletId'], orderBy: ['tokenId', 'capturedAt'] },
      cold,
    },
  },
  archive: {
    to: env['WEDEFI_ARCHIVE'] ?? './.pgstrata/cold',
    ...(endpoint === undefined ? {} : { s3: { endpoint, pathStyle: true } }),
  },
  rollups: {
    price_hourly: { from: 'PriceSnapshot', bucket: '1 hour', by: ['tokenId'], measures: candle('"priceUsd"') },
    price_daily: { from: 'PriceSnapshot', bucket: '1 day', by: ['tokenId'], measures: candle('"priceUsd"') },
    portfolio_hourly: { from: 'PortfolioSnapshot', bucket: '1 hour', by: ['walletId'], measures: candle('"totalUsd"') },
    wallet_holdings: {
      from: 'TokenBalance',
      by: ['walletId'],
      measures: { totalUsd: sum('"usdValue"'), holdings: countIf('"usdValue" > 0'), balances: count() },
      totals: { index: ['totalUsd desc'] },
    },
    // How many there are, and how many whose largest balance is in which band of value: what pages tell their totals by.
    wallets_by_value: { from: 'Wallet', by: ['topBand'], measures: { wallets: count() } },
  },
  views: {
    // What is warm by its age, wherever the job is with packing it.
    PriceSnapshot_warm: {
      materialized: false,
      sql: `
        select "tokenId", "priceUsd"::numeric(30, 12) as "priceUsd", "recordedAt"
        from "PriceSnapshot_between"('-infinity', date_trunc('month', now() - interval '${packAfterDays} days', 'UTC'))`,
    },
    PriceSnapshot_archive_metadata: {
      materialized: false,
      sql: `
        select month_year::varchar(7) as month_year,
          max(record_count)::bigint as record_count,
          string_agg(file_path, E'\\n' order by file_path) as file_path,
          sum(compressed_size)::bigint as compressed_size,
          (max(archived_at) at time zone 'UTC')::timestamp as archived_at
        from pgstrata.archive_metadata
        where schema_name = 'public'
          and table_name = 'PriceSnapshot'
        group by month_year`,
    },
  },
  live: {
    tables: {
      PriceSnapshot: { columns: ['priceUsd'] },
      TokenBalance: { columns: ['quantity', 'usdValue', 'updatedAt'] },
      // Of a wallet by itself, for whoever asks for that alone.
      Alert: { columns: ['kind', 'status', 'episode', 'firedAt'], filters: ['walletId'], fixed: ['walletId'] },
      AlertEvent: {
        columns: ['alertId', 'episode', 'value', 'at', 'deliveredAt'],
        filters: ['alertId'],
        fixed: ['alertId'],
      },
    },
    rollups: ['price_hourly', 'portfolio_hourly', 'wallet_holdings'],
    tops: { wallet_holdings: ['totalUsd'] },
  },
  // What cached values say besides goes when one of these changes; the feed captures what `live` names as it is.
  changes: { tables: ['Wallet', 'Token', 'GovernanceLock', 'AssetCorrelation'] },
  cache: {
    ...(env['REDIS_URL'] === undefined ? {} : { redis: env['REDIS_URL'] }),
    namespaces: {
      portfolio: { ttl: '5 min' },
      price: { ttl: '1 min' },
      governance: { ttl: '30 min' },
      risk: { ttl: '1 min' },
      // Lists and charts, the same for everybody: nobody waits for what others ask for just as often.
      pages: { ttl: '5s', staleFor: '5s', negativeTtl: '1s' },
      pnl: { ttl: '1 min', staleFor: '1 min', negativeTtl: '1s' },
      history: { ttl: '1 min', staleFor: '1 min', negativeTtl: '1s' },
    },
  },
  watch: {},
  // The four rules of the original design, and what is done when one fires.
  alerts: { actions: monitoringActions(env), rules: monitoringRules },
  expect: {
    latest_price: {
      sql: `
        select "priceUsd"
        from "PriceSnapshot"
        where "tokenId" = $1
        order by "recordedAt" desc
        limit 1`,
      index: 'PriceSnapshot_pkey',
    },
    holdings_of_a_wallet: {
      sql: `
        select "tokenId", quantity, "usdValue"
        from "TokenBalance"
        where "walletId" = $1
        order by "usdValue" desc
        limit 20`,
      index: 'TokenBalance_value_idx',
    },
  },
  server: {},
  jobs: {
    // Schedules that call create_monthly_partitions() by its name find it.
    monthlyFunctionIn: 'public',
    own: {
      ...market,
      // At the sixth minute: what a writer of the hour before had still to write is there by then.
      correlations: { cron: '6 * * * *', timeout: '30 min', run: correlationsJob },
      alerts: { every: '10s', run: alertsJob },
      deliveries: { every: '5s', run: deliveriesJob },
      'portfolio-snapshots': snapshotJob,
    },
  },
  dev: {
    version: 18,
    port: 54_323,
    replicas: 2,
    database: 'wedefi',
    preload: ['pg_stat_statements'],
    settings: { track_io_timing: 'on', max_wal_size: '4GB' },
  },
})
