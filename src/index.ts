// The public list. What is not named here, or in the index of a subpath, is not for others to import.

export type { Clock } from './base/clock.ts'
export { StrataError, type ErrorParticulars } from './base/errors.ts'
export { errorTable, type ErrorCode, type ErrorEntry } from './base/error-table.ts'
export type { Logger, OnProgress, Progress } from './base/logger.ts'
export type { Probe, ProbeResult, Verdict } from './base/probe.ts'
export type { Random } from './base/random.ts'
export {
  defineConfig,
  loadConfig,
  resolveConfig,
  type Duration,
  type LoadedConfig,
  type LoadOptions,
  type ResolvedConfig,
  type ResolveOptions,
  type StrataConfig,
} from './config/index.ts'
export type { Db, DbTarget, Notice, Queryable, Result, Session } from './db/db.ts'
export { acquireLease, holdsLease, releaseLease, renewLease, type Lease, type LeaseOptions } from './db/lease.ts'
export { dbFromPool, openDb, type DbOptions, type PgClient, type PgPool } from './db/pg-db.ts'
export { transaction, type TransactionOptions } from './db/transaction.ts'
export type { ApplyEvent, ApplyReport, Drift, Plan, Step } from './plan/index.ts'
export { sql, type Sql, type SqlTag } from './sql/sql.ts'
export { openStrata, type Strata, type StrataTools } from './strata.ts'
