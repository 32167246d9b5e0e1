// The tables and rollups as Kysely knows them, and the ways to open it: over the pool of pgstrata, the same with statements that are
// prepared, and within a job.
//
// Amounts and counts are text, as node-postgres reads numeric and bigint, so that none is rounded; money.ts has the way to bigint.

import { Kysely, PostgresDialect, type ColumnType, type Generated, type PostgresPoolClient } from 'kysely'
import type { Db, RoutedConfig, Session, StrataPool } from 'pgstrata'

type Amount = ColumnType<string, string | bigint, string | bigint>
type OwnAmount = ColumnType<string, string | bigint | undefined, string | bigint>
type Whole = ColumnType<string, never, never>
type Time = ColumnType<Date, Date | string, Date | string>
type OwnTime = ColumnType<Date, Date | string | undefined, Date | string>
type Json = ColumnType<unknown, string | null, string | null>

export type StreamStatus = 'PENDING' | 'ACTIVE' | 'PAUSED' | 'ENDED'
export type NodeStatus = 'PENDING' | 'ACTIVE' | 'STALE' | 'OFFLINE' | 'SUSPENDED'
export type ProbeType = 'stats_poll' | 'spot_check'
export type FriendshipStatus = 'PENDING' | 'ACCEPTED' | 'DECLINED' | 'BLOCKED'
export type CommentStatus = 'VISIBLE' | 'HIDDEN'

interface StreamsTable {
  stream_id: string
  sponsor_address: string
  token_balance: OwnAmount
  rtmp_url: string
  status: Generated<StreamStatus>
  reward_per_hour: OwnAmount
  viewers: Generated<number>
  excluded: Generated<boolean>
  created_at: OwnTime
}

interface NodesTable {
  node_id: string
  stream_id: string
  stats_url: string
  address: string | null
  last_heartbeat: Time | null
  status: Generated<NodeStatus>
  created_at: OwnTime
  user_id: string | null
  display_name: string | null
  location_lat: ColumnType<string, string | number, string | number> | null
  location_lon: ColumnType<string, string | number, string | number> | null
}

export interface ProbeResultsTable {
  stream_id: string
  node_id: string
  probe_type: ProbeType
  success: boolean
  response_data: Json
  error_message: string | null
  probe_timestamp: OwnTime
}

interface UsersTable {
  user_id: Generated<string>
  wallet_address: string
  display_name: string
  avatar_url: string | null
  created_at: OwnTime
}

interface FriendshipsTable {
  user_id: string
  friend_id: string
  status: Generated<FriendshipStatus>
  created_at: OwnTime
}

interface CommentsTable {
  comment_id: Whole
  stream_id: string
  user_id: string
  content: string
  status: Generated<CommentStatus>
  moderated_by: string | null
  moderated_at: Time | null
  reason: string | null
  created_at: OwnTime
}

export interface PayoutRunsTable {
  run_id: Whole
  as_of: Time
  hours_back: number
  computed_by: string
  streams: Generated<number>
  nodes: Generated<number>
  total: OwnAmount
  duration_ms: string | number | null
  created_at: OwnTime
}

interface PayoutLinesTable {
  run_id: string
  stream_id: string
  node_id: string
  weight: Amount
  amount: Amount
  paid_for: Time
}

interface LedgerEntriesTable {
  entry_id: Whole
  run_id: string
  account: string
  amount: Amount
  created_at: OwnTime
}

interface FraudFindingsTable {
  finding_id: Whole
  node_id: string
  stream_id: string
  rule: string
  evidence: ColumnType<unknown, string | undefined, string>
  found_at: OwnTime
  resolved_at: Time | null
}

/** Of one hour. */
interface PollsOfAnHour {
  bucket: ColumnType<Date, never, never>
  stream_id: ColumnType<string, never, never>
  total_polls: Whole
  successful_polls: Whole
  failed_spot_checks: Whole
}

interface NodeEarningsHourlyView extends PollsOfAnHour {
  node_id: ColumnType<string, never, never>
}

interface Payouts {
  amount: Whole
  payouts: Whole
}

interface PayoutsOfAnHour extends Payouts {
  bucket: ColumnType<Date, never, never>
}

/** Of all time, and in windows up to now. */
interface PayoutTotals extends Payouts {
  amount_1d: Whole
  payouts_1d: Whole
  amount_7d: Whole
  payouts_7d: Whole
}

interface OfNode {
  node_id: ColumnType<string, never, never>
}

interface OfStream {
  stream_id: ColumnType<string, never, never>
}

export interface Database {
  streams: StreamsTable
  nodes: NodesTable
  probe_results: ProbeResultsTable
  users: UsersTable
  friendships: FriendshipsTable
  comments: CommentsTable
  payout_runs: PayoutRunsTable
  payout_lines: PayoutLinesTable
  ledger_entries: LedgerEntriesTable
  fraud_findings: FraudFindingsTable
  node_earnings_hourly: NodeEarningsHourlyView
  stream_earnings_hourly: PollsOfAnHour
  node_payouts: PayoutsOfAnHour & OfNode
  node_payouts_totals: PayoutTotals & OfNode
  stream_payouts: PayoutsOfAnHour & OfStream
  stream_payouts_totals: PayoutTotals & OfStream
}

/** Over the pool of pgstrata, which chooses the server for each statement. Closing the pool is up to whoever opened it. */
export function openDatabase({ pool }: { readonly pool: StrataPool }): Kysely<Database> {
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
}

/**
 * Each statement is planned once on each connection and not at each call: of those that the API sends all the time, by keys, planning
 * was up to four fifths. Not for what reads `probe_results`: a plan for any time has all of its partitions in it.
 */
export function openPreparedDatabase({ pool }: { readonly pool: StrataPool }): Kysely<Database> {
  const connect = async (): Promise<PostgresPoolClient> => {
    const client = await pool.connect()
    const query = async (text: string, values: readonly unknown[]): Promise<unknown> => {
      const statement: RoutedConfig = { text, values: [...values], prepare: true }
      return await client.query(statement)
    }
    return { query, release: () => client.release() } as PostgresPoolClient
  }
  const prepared = { connect, end: async () => await Promise.resolve() }
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool: prepared }) })
}

/** Over the connections that a job of pgstrata is given. They end with the job. */
export function openJobDatabase(db: Db): Kysely<Database> {
  const pool = { connect: async () => await connect(db), end: async () => await Promise.resolve() }
  return new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
}

/** A client in Kysely's sense: a session that stays ours until it is released. */
async function connect(db: Db): Promise<PostgresPoolClient> {
  return await new Promise((resolve, reject) => {
    const lend = async (session: Session): Promise<void> =>
      await new Promise((release) => {
        resolve(clientOf(session, release))
      })
    db.withSession(lend).catch(reject)
  })
}

function clientOf(session: Session, release: () => void): PostgresPoolClient {
  const query = async (text: string, values: readonly unknown[]): Promise<unknown> => {
    const { rows, rowCount } = await session.query({ text, values })
    return { rows, rowCount, command: /^\s*(insert|update|delete|merge)/i.exec(text)?.[1]?.toUpperCase() ?? 'SELECT' }
  }
  return { query, release } as PostgresPoolClient
}
