// The public list. What is not named here, or in the index of a subpath, is not for others to import.

export type { Clock } from './base/clock.ts'
export {
  createCache,
  createQueryCache,
  queryKey,
  rowTag,
  tableTag,
  type Cache,
  type CachedQueryChoice,
  type CachedTextChoice,
  type CacheDuration,
  type CacheGetOptions,
  type CacheOptions,
  type CacheStats,
  type InvalidateOptions,
  type Limiter,
  type LimiterOptions,
  type Load,
  type LoadContext,
  type NamespaceOptions,
  type NamespaceStats,
  type QueryCache,
  type QueryCacheChoice,
  type QueryCacheOptions,
  type QueryIdentity,
  type Reach,
  type RoutedCache,
  type RoutedQuery,
  type Taken,
} from './cache/index.ts'
export {
  formatCursor,
  parseCursor,
  type Change,
  type ChangeBatch,
  type ChangeCursor,
  type ChangeListener,
  type Changes,
  type ChangesSettings,
  type ChangesStatus,
  type FeedEpochState,
  type FeedFinding,
  type FeedSlotState,
  type FeedState,
  type FeedStatus,
  type FeedTable,
} from './changes/feed/index.ts'
export { StrataError, type ErrorParticulars } from './base/errors.ts'
export { errorTable, type ErrorCode, type ErrorEntry } from './base/error-table.ts'
export type { Logger, OnProgress, Progress } from './base/logger.ts'
export type { Probe, ProbeResult, Verdict } from './base/probe.ts'
export type { Random } from './base/random.ts'
export {
  defineConfig,
  loadConfig,
  resolveConfig,
  type CacheConfig,
  type ChangesConfig,
  type CronConfig,
  type DatabaseConfig,
  type Duration,
  type ExpireConfig,
  type HashConfig,
  type IdConfig,
  type IndexConfig,
  type JobsConfig,
  type LiveConfig,
  type LiveTableConfig,
  type LoadedConfig,
  type LoadOptions,
  type NodePoolConfig,
  type OwnJobConfig,
  type PoolConfig,
  type PrimaryNodeConfig,
  type ReplicaNodeConfig,
  type ResolvedConfig,
  type ResolvedPool,
  type ResolvedReplica,
  type ResolveOptions,
  type RetainConfig,
  type RollupConfig,
  type RollupsConfig,
  type RollupsIn,
  type StrataConfig,
  type TableConfig,
  type TablesConfig,
  type ViewConfig,
  type ViewsConfig,
} from './config/index.ts'
export type { Db, DbTarget, Notice, Queryable, Result, Session } from './db/db.ts'
export { acquireLease, holdsLease, releaseLease, renewLease, type Lease, type LeaseOptions } from './db/lease.ts'
export type { ConfiguredNode, NodeReport } from './db/node-facts.ts'
export { dbFromPool, openDb, type DbOptions, type PgClient, type PgPool } from './db/pg-db.ts'
export type { RoutedConfig } from './db/pool/statement/call.ts'
export type { TimelineChange, TokenVerdict } from './db/pool/cluster/timeline-history.ts'
export type { RoutingExplanation } from './db/pool/routing/dispatcher.ts'
export type { NodePoolStats, WaitStats } from './db/pool/connections/node-pool-options.ts'
export type { Consistency, ReplicaConfig, Route, RouteSettings, StrataPoolConfig } from './db/pool/options.ts'
export type { Session as CausalSession } from './db/pool/routing/scopes.ts'
export type { NodeStatus } from './db/pool/cluster/server-node.ts'
export { StrataPool, type StrataPoolTools } from './db/pool/strata-pool.ts'
export {
  createQueryApi,
  typed,
  type AnswerField,
  type BatchAnswers,
  type BatchOptions,
  type BatchOutcomes,
  type BulkInsertAnswer,
  type BulkInsertOptions,
  type BulkOptions,
  type BulkRows,
  type CopySource,
  type OnConflict,
  type Page,
  type PaginateOptions,
  type QueryAnswer,
  type QueryApi,
  type QueryOptions,
  type QueryTools,
  type RowOf,
  type RunBatch,
  type Tx,
  type TxOptions,
  type TypedSql,
} from './db/query/index.ts'
export type {
  Conditions,
  Live,
  LiveConnection,
  LiveOpenOptions,
  LiveSink,
  LiveStatus,
  TopicSpec,
  TopicValue,
} from './live/index.ts'
export { formatToken, parseToken, type Token } from './db/token.ts'
export { transaction, type TransactionOptions } from './db/transaction.ts'
export type {
  Conversion,
  ConversionEvent,
  ConversionOutcome,
  ConversionPreview,
  ConversionRecord,
  ConvertOptions,
  Limits as ConversionLimits,
  PreviewedStatement,
  PreviewedStep,
  RunOptions as ConversionRunOptions,
} from './partitions/convert/index.ts'
export type {
  ArchiveHook,
  Consent,
  Grain,
  HashSplit,
  Layout,
  NextAction,
  PartitionedTable,
  PartitionFinding,
  PartitionIndex,
  Partitions,
  PartitionStatus,
  RetiredPartition,
  RetiredStatus,
  Retention,
  TableStatus,
} from './partitions/index.ts'
export { explainOutside } from './partitions/index.ts'
export {
  avg,
  count,
  countDistinct,
  countIf,
  first,
  last,
  max,
  min,
  mode,
  percentile,
  sum,
  sumIf,
  topK,
  type Avg,
  type Count,
  type CountDistinct,
  type DeclaredRollup,
  type DeclaredRollups,
  type FillProgress,
  type OldestSnapshot,
  type Reader,
  type ReaderOf,
  type ReadersOf,
  type Rollup,
  type Rollups,
  type RollupExplanation,
  type RollupStatus,
  type Sum,
  type SumOptions,
  type End,
  type EndOptions,
  type Extremum,
  type FilterOptions,
  type Mode,
  type Percentile,
  type DistinctOptions,
  type PercentileOptions,
  type TopK,
  type TotalsReader,
  type Verification,
} from './rollups/index.ts'
export type {
  MaterializedView,
  RefreshViewsOptions,
  RollupSuggestion,
  ViewProgress,
  ViewRefresh,
  Views,
  ViewStatus,
} from './views/index.ts'
export type { ApplyEvent, ApplyReport, Contribution, Drift, Held, Plan, Step } from './plan/index.ts'
export type { JobContext, JobOutcome } from './db/job.ts'
export type { JobRun, Jobs, JobStatus, RunContext, RunReport, SchedulerState, StartOptions } from './maintain/index.ts'
export { sql, type Sql, type SqlTag } from './sql/sql.ts'
export { openStrata, type Strata, type StrataTools } from './strata.ts'
