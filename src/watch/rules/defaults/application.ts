// The rules about applications, and about what pgstrata keeps for them: calls, pools, caches, rollups, views, jobs.

import type { RuleOptions } from '../rule-options.ts'

const minuteMs = 60_000
const dayMs = 86_400_000

const calls: Readonly<Record<string, RuleOptions>> = {
  QueryNoticeable: {
    metric: 'pgstrata_call_p95_seconds',
    over: 0.05,
    forMs: 5 * minuteMs,
    severity: 'info',
    group: 'queries',
    summary: 'One in twenty calls of {shape} takes {value} or longer',
  },
  QuerySlow: {
    metric: 'pgstrata_call_p95_seconds',
    over: 0.1,
    forMs: 5 * minuteMs,
    group: 'queries',
    summary: 'One in twenty calls of {shape} takes {value} or longer',
  },
  QueryVerySlow: {
    metric: 'pgstrata_call_max_seconds',
    over: 2,
    keepMs: 5 * minuteMs,
    group: 'queries',
    summary: 'A call of {shape} took {value}',
  },
  SlowQueryDetected: {
    metric: 'pgstrata_call_max_seconds',
    over: 5,
    keepMs: 5 * minuteMs,
    severity: 'critical',
    actions: ['log_and_alert'],
    group: 'queries',
    summary: 'A call of {shape} took {value}',
  },
  ErrorRateHigh: {
    metric: 'pgstrata_calls_error_ratio',
    over: 0.1,
    forMs: minuteMs,
    severity: 'critical',
    group: 'queries',
    summary: '{value} of the calls of applications fail',
  },
  ExpectedIndexUnused: {
    metric: 'pgstrata_expected_index_used',
    under: 1,
    group: 'indexes',
    summary: 'Query {query} does not use the index that it is expected to',
  },
}

const pools: Readonly<Record<string, RuleOptions>> = {
  CacheHitRatioLow: {
    metric: 'pgstrata_cache_hit_ratio',
    under: 0.6,
    forMs: 10 * minuteMs,
    group: 'caches',
    summary: '{value} of what process {process} asks its cache for is there',
  },
  PoolBusy: {
    metric: 'pgstrata_pool_used_ratio',
    over: 0.8,
    forMs: minuteMs,
    severity: 'info',
    group: 'pools',
    summary: '{value} of the connections in the pool of process {process} are in use',
  },
  PoolWaiting: {
    metric: 'pgstrata_pool_waiting',
    over: 5,
    clear: 0,
    forMs: minuteMs / 2,
    group: 'pools',
    summary: '{value} callers wait for a connection in process {process}',
  },
  PoolExhausted: {
    metric: 'pgstrata_pool_exhausted_total',
    over: 0,
    keepMs: 5 * minuteMs,
    severity: 'critical',
    group: 'pools',
    summary: 'All connections in the pool of process {process} are in use, and callers wait',
  },
  PgbouncerWaiting: {
    metric: 'pgstrata_pgbouncer_waiting',
    over: 5,
    clear: 0,
    forMs: minuteMs / 2,
    group: 'pools',
    summary: '{value} clients of PgBouncer wait for a connection to {database}',
  },
  RedisMemoryHigh: {
    metric: 'pgstrata_redis_memory_ratio',
    over: 0.9,
    forMs: 5 * minuteMs,
    group: 'caches',
    summary: 'Redis uses {value} of the memory that it may',
  },
}

const upkeep: Readonly<Record<string, RuleOptions>> = {
  ViewStale: {
    metric: 'pgstrata_view_age_seconds',
    over: 3_600,
    group: 'freshness',
    summary: 'View {view} says what was so {value} ago',
  },
  RollupBehind: {
    metric: 'pgstrata_rollup_age_seconds',
    over: 300,
    forMs: minuteMs,
    group: 'freshness',
    summary: 'Rollup {rollup} has not been merged for {value}: reads of it become slower',
  },
  PartitionsMissing: {
    metric: 'pgstrata_partitions_ahead',
    under: 1,
    clear: 1,
    forMs: minuteMs,
    severity: 'critical',
    group: 'upkeep',
    summary: 'Table {table} has no partition for what comes next',
  },
  TierMoveFailing: {
    metric: 'pgstrata_tier_moves_failed',
    over: 0,
    forMs: 60 * minuteMs,
    group: 'upkeep',
    summary: '{value} partitions of table {table} cannot be moved to their tier',
  },
  ArchiveDamaged: {
    metric: 'pgstrata_archives_damaged',
    over: 0,
    severity: 'critical',
    group: 'upkeep',
    summary: '{value} archives are lost, or are not what was written',
  },
  BackupOld: {
    metric: 'pgstrata_backup_age_seconds',
    over: (2 * dayMs) / 1_000,
    severity: 'critical',
    group: 'backups',
    summary: 'The newest backup is {value} old',
  },
  BackupUnverified: {
    metric: 'pgstrata_backup_verified_age_seconds',
    over: (14 * dayMs) / 1_000,
    severity: 'critical',
    group: 'backups',
    summary: 'No restore of a backup was verified for {value}',
  },
  JobFailing: {
    metric: 'pgstrata_job_failures',
    over: 0,
    group: 'upkeep',
    summary: 'Job {job_name} fails',
  },
  JobFailingAgain: {
    metric: 'pgstrata_job_failures',
    over: 2,
    clear: 0,
    severity: 'critical',
    group: 'upkeep',
    summary: 'Job {job_name} has failed {value} times in a row',
  },
  JobSlow: {
    metric: 'pgstrata_job_seconds',
    over: 2,
    group: 'upkeep',
    summary: 'Job {job_name} takes {value}',
  },
}

export const applicationRules: Readonly<Record<string, RuleOptions>> = { ...calls, ...pools, ...upkeep }
