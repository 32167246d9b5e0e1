// The rules about servers that pgstrata comes with: connections, locks, load, hit ratios, vacuum, storage, replication.

import type { RuleOptions } from '../rule-options.ts'

const minuteMs = 60_000
const dayMs = 86_400_000
const megabyte = 1_024 ** 2

const connections: Readonly<Record<string, RuleOptions>> = {
  ServerDown: {
    metric: 'pgstrata_up',
    under: 1,
    forMs: minuteMs / 2,
    severity: 'critical',
    group: 'servers',
    summary: '{node} does not answer',
  },
  HighConnectionCount: {
    metric: 'pgstrata_connections',
    where: { state: 'active' },
    over: 80,
    forMs: minuteMs,
    actions: ['scale_read_replicas'],
    group: 'connections',
    summary: '{value} connections of {node} are at work at once',
  },
  ConnectionsHigh: {
    metric: 'pgstrata_connections_used_ratio',
    over: 0.8,
    forMs: minuteMs,
    group: 'connections',
    summary: '{value} of the connections of {node} are used',
  },
  ConnectionsExhausted: {
    metric: 'pgstrata_connections_used_ratio',
    over: 0.95,
    forMs: minuteMs / 2,
    severity: 'critical',
    group: 'connections',
    summary: '{value} of the connections of {node} are used: soon nobody can connect',
  },
  IdleInTransaction: {
    metric: 'pgstrata_idle_in_transaction_seconds',
    over: 300,
    group: 'transactions',
    summary: 'A session of {node} has been idle in a transaction for {value}',
  },
  IdleInTransactionLong: {
    metric: 'pgstrata_idle_in_transaction_seconds',
    over: 900,
    severity: 'critical',
    group: 'transactions',
    summary: 'A session of {node} has been idle in a transaction for {value}',
  },
  LongTransaction: {
    metric: 'pgstrata_oldest_transaction_seconds',
    over: 600,
    group: 'transactions',
    summary: 'A transaction of {node} has been open for {value}: vacuum removes nothing newer',
  },
  LongTransactionCritical: {
    metric: 'pgstrata_oldest_transaction_seconds',
    over: 1_800,
    severity: 'critical',
    group: 'transactions',
    summary: 'A transaction of {node} has been open for {value}: vacuum removes nothing newer',
  },
}

const load: Readonly<Record<string, RuleOptions>> = {
  CpuHigh: {
    metric: 'pgstrata_cpu_used_ratio',
    over: 0.7,
    forMs: 5 * minuteMs,
    group: 'load',
    summary: '{value} of the processors of {node} are in use',
  },
  BlockedSessions: {
    metric: 'pgstrata_blocked_sessions',
    over: 2,
    clear: 0,
    forMs: minuteMs / 2,
    group: 'locks',
    summary: '{value} sessions of {node} wait for locks that others hold',
  },
  BlockedSessionsMany: {
    metric: 'pgstrata_blocked_sessions',
    over: 9,
    clear: 2,
    forMs: minuteMs / 2,
    severity: 'critical',
    group: 'locks',
    summary: '{value} sessions of {node} wait for locks that others hold',
  },
  LockWaitLong: {
    metric: 'pgstrata_lock_wait_seconds',
    over: 30,
    group: 'locks',
    summary: 'A session of {node} has waited {value} for a lock',
  },
  LockPoolFull: {
    metric: 'pgstrata_lock_pool_used_ratio',
    over: 0.8,
    forMs: minuteMs,
    severity: 'critical',
    group: 'locks',
    summary: '{value} of the lock table of {node} is used',
  },
  Deadlocks: {
    metric: 'pgstrata_deadlocks_total',
    over: 0,
    keepMs: 10 * minuteMs,
    severity: 'info',
    group: 'locks',
    summary: 'There are deadlocks in {node}',
  },
  DeadlocksMany: {
    metric: 'pgstrata_deadlocks_total',
    over: 5 / 60,
    keepMs: 5 * minuteMs,
    group: 'locks',
    summary: 'There are more than five deadlocks a minute in {node}',
  },
  RollbacksMany: {
    metric: 'pgstrata_rollback_ratio',
    over: 0.1,
    forMs: 5 * minuteMs,
    group: 'transactions',
    summary: '{value} of the transactions of {node} are rolled back',
  },
  BufferHitRatioLow: {
    metric: 'pgstrata_buffer_hit_ratio',
    under: 0.9,
    clear: 0.92,
    forMs: 10 * minuteMs,
    group: 'hit ratios',
    summary: '{value} of the blocks that {node} needs are in its buffers',
  },
  IndexScanEfficiency: {
    metric: 'pgstrata_index_hit_ratio',
    under: 0.95,
    clear: 0.96,
    forMs: 10 * minuteMs,
    actions: ['analyze_missing_indexes'],
    group: 'hit ratios',
    summary: '{value} of the index blocks that {node} needs are in its buffers',
  },
  StatementsForgotten: {
    metric: 'pgstrata_statements_evicted_total',
    over: 0,
    forMs: 30 * minuteMs,
    severity: 'info',
    group: 'statements',
    summary: 'pg_stat_statements of {node} is full and forgets statements: raise pg_stat_statements.max',
  },
}

const upkeep: Readonly<Record<string, RuleOptions>> = {
  DeadRowsMany: {
    metric: 'pgstrata_table_dead_ratio',
    over: 0.2,
    forMs: 30 * minuteMs,
    group: 'vacuum',
    summary: '{value} of the rows of {schema}.{table} are dead',
  },
  FreezeAge: {
    metric: 'pgstrata_freeze_age_ratio',
    over: 0.5,
    keepMs: 10 * minuteMs,
    group: 'vacuum',
    summary: '{value} of the transaction numbers of {node} are used up before the oldest row was frozen',
  },
  FreezeAgeCritical: {
    metric: 'pgstrata_freeze_age_ratio',
    over: 0.75,
    keepMs: 10 * minuteMs,
    severity: 'critical',
    group: 'vacuum',
    summary: '{value} of the transaction numbers of {node} are used up: at all of them it stops taking writes',
  },
  MultixactAge: {
    metric: 'pgstrata_multixact_age_ratio',
    over: 0.5,
    keepMs: 10 * minuteMs,
    group: 'vacuum',
    summary: '{value} of the multixact numbers of {node} are used up before the oldest row was frozen',
  },
  UnusedIndex: {
    metric: 'pgstrata_unused_index_bytes',
    over: 10 * megabyte,
    // After a crash the server has forgotten what was used.
    forMs: dayMs,
    keepMs: minuteMs,
    severity: 'info',
    group: 'indexes',
    summary: 'Nothing uses index {schema}.{index}, which takes {value}',
  },
  Bloat: {
    metric: 'pgstrata_bloat_bytes',
    over: 1_024 * megabyte,
    severity: 'info',
    group: 'bloat',
    summary: 'About {value} of {kind} {schema}.{name} is empty',
  },
  SequenceNearlyUsed: {
    metric: 'pgstrata_sequence_used_ratio',
    over: 0.7,
    group: 'sequences',
    summary: '{value} of the numbers of sequence {schema}.{sequence} are used',
  },
  SequenceExhausted: {
    metric: 'pgstrata_sequence_used_ratio',
    over: 0.9,
    severity: 'critical',
    group: 'sequences',
    summary: '{value} of the numbers of sequence {schema}.{sequence} are used: after the last one inserts fail',
  },
  ChecksumFailures: {
    metric: 'pgstrata_checksum_failures_total',
    over: 0,
    keepMs: dayMs,
    severity: 'critical',
    group: 'storage',
    summary: '{node} has read blocks that do not fit their checksums',
  },
  DiskFull: {
    metric: 'pgstrata_disk_used_ratio',
    over: 0.8,
    group: 'storage',
    summary: 'The disk of {node} is {value} full',
  },
  DiskFullCritical: {
    metric: 'pgstrata_disk_used_ratio',
    over: 0.9,
    severity: 'critical',
    group: 'storage',
    summary: 'The disk of {node} is {value} full',
  },
}

const replication: Readonly<Record<string, RuleOptions>> = {
  ReplicaLagging: {
    metric: 'pgstrata_replica_lag_seconds',
    over: 0.05,
    forMs: minuteMs,
    severity: 'info',
    group: 'replication',
    summary: 'Replica {replica} is {value} behind',
  },
  ReplicationLag: {
    metric: 'pgstrata_replica_lag_seconds',
    over: 1,
    forMs: minuteMs / 2,
    actions: ['investigate_replication'],
    group: 'replication',
    summary: 'Replica {replica} is {value} behind',
  },
  ReplicationLagCritical: {
    metric: 'pgstrata_replica_lag_seconds',
    over: 30,
    forMs: minuteMs / 2,
    severity: 'critical',
    actions: ['investigate_replication'],
    group: 'replication',
    summary: 'Replica {replica} is {value} behind',
  },
  SlotInactive: {
    metric: 'pgstrata_slot_inactive',
    over: 0,
    forMs: 10 * minuteMs,
    group: 'replication',
    summary: 'Nobody reads replication slot {slot}, for which {node} keeps WAL',
  },
  SlotRetention: {
    metric: 'pgstrata_slot_retained_ratio',
    over: 0.5,
    group: 'replication',
    summary: 'Slot {slot} keeps {value} of the WAL that it may',
  },
  SlotRetentionCritical: {
    metric: 'pgstrata_slot_retained_ratio',
    over: 0.8,
    severity: 'critical',
    actions: ['investigate_replication'],
    group: 'replication',
    summary: 'Slot {slot} keeps {value} of the WAL that it may: at all of it, it is lost',
  },
  ArchiveFailing: {
    metric: 'pgstrata_archive_failures_total',
    over: 0,
    forMs: 5 * minuteMs,
    keepMs: 10 * minuteMs,
    severity: 'critical',
    group: 'storage',
    summary: '{node} cannot archive its WAL, and keeps it',
  },
}

export const serverRules: Readonly<Record<string, RuleOptions>> = { ...connections, ...load, ...upkeep, ...replication }
