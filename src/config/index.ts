export type { ArchiveConfig } from './archive.ts'
export type { BackupConfig } from './backup.ts'
export type { CacheConfig } from './cache.ts'
export type { ChangesConfig } from './changes.ts'
export type { DatabaseConfig, NodePoolConfig, PoolConfig, PrimaryNodeConfig, ReplicaNodeConfig } from './database.ts'
export { defineConfig } from './define.ts'
export type { CronConfig, JobsConfig, OwnJobConfig } from './jobs.ts'
export type { LiveConfig, LiveTableConfig } from './live.ts'
export { findConfig, loadConfig, type LoadedConfig, type LoadOptions } from './load.ts'
export { resolveConfig, type ResolvedConfig, type ResolveOptions, type RollupsIn } from './resolve.ts'
export type { RollupConfig, RollupsConfig } from './rollups.ts'
export type { ResolvedPool, ResolvedReplica } from './pool.ts'
export { configSchema, type StrataConfig } from './shape.ts'
export type {
  ColdConfig,
  ExpireConfig,
  HashConfig,
  IdConfig,
  IndexConfig,
  RetainConfig,
  TableConfig,
  TablesConfig,
  TierAge,
  WarmConfig,
} from './table-types.ts'
export type { Duration } from './values.ts'
export type { ViewConfig, ViewsConfig } from './views.ts'
