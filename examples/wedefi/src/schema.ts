// The tables as Drizzle knows them: the names of the original design, in mixed case. Migrations make them, not Drizzle; a test holds that
// both say the same. Money and quantities are text, as PostgreSQL writes them, so that none is rounded.

import {
  bigint,
  doublePrecision,
  index,
  integer,
  numeric,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  unique,
} from 'drizzle-orm/pg-core'

const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })
const quantity = (name: string) => numeric(name, { precision: 38, scale: 18 })
const usd = (name: string) => numeric(name, { precision: 24, scale: 8 })

export const wallets = pgTable(
  'Wallet',
  {
    id: text('id').primaryKey(),
    address: text('address').notNull(),
    label: text('label'),
    chainId: integer('chainId').notNull(),
    createdAt: moment('createdAt').notNull().defaultNow(),
    /** Its largest balance, and the band of value that is in: kept by triggers. */
    topUsd: usd('topUsd'),
    topBand: smallint('topBand'),
  },
  (table) => [
    unique('Wallet_address_chainId_key').on(table.address, table.chainId),
    index('Wallet_created_idx').on(table.createdAt, table.id),
    index('Wallet_top_idx').on(table.topUsd),
  ],
)

export const tokens = pgTable(
  'Token',
  {
    id: text('id').primaryKey(),
    symbol: text('symbol').notNull(),
    name: text('name').notNull(),
    decimals: integer('decimals').notNull(),
    chainId: integer('chainId').notNull(),
    address: text('address').notNull(),
  },
  (table) => [unique('Token_address_chainId_key').on(table.address, table.chainId)],
)

export const tokenBalances = pgTable(
  'TokenBalance',
  {
    walletId: text('walletId')
      .notNull()
      .references(() => wallets.id, { onDelete: 'cascade' }),
    tokenId: text('tokenId')
      .notNull()
      .references(() => tokens.id),
    quantity: quantity('quantity').notNull(),
    usdValue: usd('usdValue').notNull(),
    updatedAt: moment('updatedAt').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.walletId, table.tokenId] })],
)

export const priceSnapshots = pgTable(
  'PriceSnapshot',
  {
    tokenId: text('tokenId').notNull(),
    priceUsd: numeric('priceUsd', { precision: 30, scale: 12 }).notNull(),
    recordedAt: moment('recordedAt').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.tokenId, table.recordedAt] })],
)

export const portfolioSnapshots = pgTable(
  'PortfolioSnapshot',
  {
    walletId: text('walletId').notNull(),
    capturedAt: moment('capturedAt').notNull().defaultNow(),
    totalUsd: usd('totalUsd').notNull(),
  },
  (table) => [primaryKey({ columns: [table.walletId, table.capturedAt] })],
)

export const positionSnapshots = pgTable(
  'PositionSnapshot',
  {
    walletId: text('walletId').notNull(),
    tokenId: text('tokenId').notNull(),
    capturedAt: moment('capturedAt').notNull().defaultNow(),
    quantity: quantity('quantity').notNull(),
    usdValue: usd('usdValue').notNull(),
  },
  (table) => [primaryKey({ columns: [table.walletId, table.tokenId, table.capturedAt] })],
)

export const governanceLocks = pgTable('GovernanceLock', {
  id: text('id').primaryKey(),
  walletId: text('walletId')
    .notNull()
    .references(() => wallets.id, { onDelete: 'cascade' }),
  protocol: text('protocol').notNull(),
  tokenId: text('tokenId')
    .notNull()
    .references(() => tokens.id),
  amount: quantity('amount').notNull(),
  votingPower: quantity('votingPower').notNull(),
  lockedAt: moment('lockedAt').notNull().defaultNow(),
  unlocksAt: moment('unlocksAt').notNull(),
})

export const assetCorrelations = pgTable(
  'AssetCorrelation',
  {
    tokenAId: text('tokenAId')
      .notNull()
      .references(() => tokens.id, { onDelete: 'cascade' }),
    tokenBId: text('tokenBId')
      .notNull()
      .references(() => tokens.id, { onDelete: 'cascade' }),
    timeframe: text('timeframe', { enum: ['24h', '7d', '30d', '90d', '1y'] }).notNull(),
    correlation: doublePrecision('correlation'),
    samples: integer('samples').notNull(),
    computedAt: moment('computedAt').notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.tokenAId, table.tokenBId, table.timeframe] })],
)

export const alerts = pgTable('Alert', {
  id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
  walletId: text('walletId').references(() => wallets.id, { onDelete: 'cascade' }),
  kind: text('kind', { enum: ['price', 'portfolio', 'risk'] }).notNull(),
  tokenId: text('tokenId').references(() => tokens.id, { onDelete: 'cascade' }),
  metric: text('metric').notNull(),
  direction: text('direction', { enum: ['above', 'below'] }).notNull(),
  threshold: numeric('threshold').notNull(),
  rearm: numeric('rearm').notNull(),
  status: text('status', { enum: ['armed', 'fired', 'paused'] })
    .notNull()
    .default('armed'),
  episode: integer('episode').notNull().default(0),
  firedAt: moment('firedAt'),
  seenAt: moment('seenAt').notNull().defaultNow(),
  createdAt: moment('createdAt').notNull().defaultNow(),
})

export const alertEvents = pgTable(
  'AlertEvent',
  {
    id: bigint('id', { mode: 'bigint' }).primaryKey().generatedAlwaysAsIdentity(),
    alertId: bigint('alertId', { mode: 'bigint' })
      .notNull()
      .references(() => alerts.id, { onDelete: 'cascade' }),
    episode: integer('episode').notNull(),
    value: numeric('value').notNull(),
    at: moment('at').notNull().defaultNow(),
    deliveredAt: moment('deliveredAt'),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: moment('nextAttemptAt').notNull().defaultNow(),
    failedAt: moment('failedAt'),
    failure: text('failure'),
  },
  (table) => [unique('AlertEvent_alertId_episode_key').on(table.alertId, table.episode)],
)
