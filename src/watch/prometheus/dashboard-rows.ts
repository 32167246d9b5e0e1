// What the dashboard shows: rows of panels, each with the expressions it draws.

export interface PanelDraft {
  readonly title: string
  /** A unit of Grafana. */
  readonly unit: 's' | 'short' | 'percentunit' | 'bytes' | 'ops' | 'Bps'
  readonly isStacked?: boolean
  readonly targets: readonly { readonly expr: string; readonly legend: string }[]
}

interface Row {
  readonly title: string
  readonly panels: readonly PanelDraft[]
}

function panel(
  title: string,
  unit: PanelDraft['unit'],
  ...targets: readonly (readonly [expr: string, legend: string])[]
): PanelDraft {
  return { title, unit, targets: targets.map(([expr, legend]) => ({ expr, legend })) }
}

function stacked(draft: PanelDraft): PanelDraft {
  return { ...draft, isStacked: true }
}

/** Of the chosen nodes. */
const of = (metric: string): string => `${metric}{node=~"$node"}`
const rateOf = (metric: string): string => `rate(${of(metric)}[$__rate_interval])`

export const dashboardRows: readonly Row[] = [
  {
    title: 'The application',
    panels: [
      panel('Query Latency (P95)', 's', ['db_query_duration_seconds{quantile="0.95"}', '{{instance}}']),
      panel('Connection Pool Utilization', 'short', [
        'db_pool_connections{state="total"} - db_pool_connections{state="idle"}',
        '{{instance}}',
      ]),
      panel('Cache Hit Ratio', 'percentunit', ['db_cache_hit_ratio', '{{instance}}']),
      panel('Statements', 'ops', ['rate(db_query_duration_seconds_count[$__rate_interval])', '{{instance}}']),
      panel(
        'Errors and slow statements',
        'ops',
        ['rate(db_query_errors_total[$__rate_interval])', 'failed'],
        ['rate(db_slow_queries_total[$__rate_interval])', 'slow'],
      ),
      panel(
        'Waiting for a connection',
        'short',
        ['db_pool_connections{state="waiting"}', '{{instance}}'],
        ['pgstrata_pool_waiting', '{{process}}'],
      ),
      panel('Slowest calls of all applications (P95)', 's', ['topk(10, pgstrata_call_p95_seconds)', '{{shape}}']),
      panel(
        'Calls that fail',
        'percentunit',
        ['pgstrata_calls_error_ratio', 'all'],
        ['topk(5, pgstrata_call_error_ratio > 0)', '{{shape}}'],
      ),
      panel('Caches of applications', 'percentunit', ['pgstrata_cache_hit_ratio', '{{process}}']),
    ],
  },
  {
    title: 'Load',
    panels: [
      stacked(
        panel('Active sessions by what they wait for', 'short', [
          `sum by (wait_type) (${of('pgstrata_active_sessions')})`,
          '{{wait_type}}',
        ]),
      ),
      panel('Processors', 'percentunit', [of('pgstrata_cpu_used_ratio'), '{{node}}']),
      stacked(panel('Connections by state', 'short', [`sum by (state) (${of('pgstrata_connections')})`, '{{state}}'])),
      panel('Connections in use', 'percentunit', [of('pgstrata_connections_used_ratio'), '{{node}}']),
      panel('Blocked sessions', 'short', [of('pgstrata_blocked_sessions'), '{{node}}']),
      panel(
        'Longest waits',
        's',
        [of('pgstrata_lock_wait_seconds'), 'lock {{node}}'],
        [of('pgstrata_idle_in_transaction_seconds'), 'idle in transaction {{node}}'],
        [of('pgstrata_oldest_transaction_seconds'), 'transaction {{node}}'],
      ),
    ],
  },
  {
    title: 'Statements',
    panels: [
      stacked(
        panel('Time in statements', 's', [`topk(10, ${rateOf('pgstrata_statement_seconds_total')})`, '{{queryid}}']),
      ),
      panel('Calls of statements', 'ops', [`topk(10, ${rateOf('pgstrata_statement_calls_total')})`, '{{queryid}}']),
      panel('Transactions', 'ops', [rateOf('pgstrata_transactions_total'), '{{outcome}} {{node}}']),
      panel('Rolled back', 'percentunit', [of('pgstrata_rollback_ratio'), '{{node}}']),
      panel('Deadlocks', 'ops', [rateOf('pgstrata_deadlocks_total'), '{{node}}']),
      panel('Temporary files', 'Bps', [rateOf('pgstrata_temp_bytes_total'), '{{node}}']),
    ],
  },
  {
    title: 'Replication',
    panels: [
      panel('Lag of replicas', 's', ['pgstrata_replica_lag_seconds', '{{replica}}']),
      panel('Lag of replicas in bytes', 'bytes', ['pgstrata_replica_lag_bytes', '{{replica}}']),
      panel('WAL kept for slots', 'bytes', ['pgstrata_slot_retained_bytes', '{{slot}}']),
    ],
  },
  {
    title: 'Buffers and caches',
    panels: [
      panel(
        'Found in buffers',
        'percentunit',
        [of('pgstrata_buffer_hit_ratio'), 'blocks {{node}}'],
        [of('pgstrata_index_hit_ratio'), 'index blocks {{node}}'],
      ),
      panel('Redis hits', 'percentunit', ['pgstrata_redis_hit_ratio', 'hits']),
      panel('Memory of Redis', 'bytes', ['pgstrata_redis_memory_bytes', 'used']),
    ],
  },
  {
    title: 'Vacuum and size',
    panels: [
      panel('Dead rows', 'percentunit', [`topk(10, ${of('pgstrata_table_dead_ratio')})`, '{{schema}}.{{table}}']),
      panel('Updates that touch no index (HOT)', 'percentunit', [
        `bottomk(10, ${of('pgstrata_table_hot_ratio')})`,
        '{{schema}}.{{table}}',
      ]),
      panel(
        'Used up before freezing',
        'percentunit',
        [of('pgstrata_freeze_age_ratio'), 'transactions {{node}}'],
        [of('pgstrata_multixact_age_ratio'), 'multixacts {{node}}'],
      ),
      panel(
        'Size',
        'bytes',
        [of('pgstrata_database_size_bytes'), 'database {{node}}'],
        [of('pgstrata_tables_size_bytes'), 'tables {{node}}'],
      ),
      panel('Largest tables', 'bytes', [`topk(10, ${of('pgstrata_table_size_bytes')})`, '{{schema}}.{{table}}']),
      panel('Disk', 'percentunit', [of('pgstrata_disk_used_ratio'), '{{node}}']),
      panel('Empty space', 'bytes', [`topk(10, ${of('pgstrata_bloat_bytes')})`, '{{kind}} {{schema}}.{{name}}']),
      panel('Indexes that nothing uses', 'bytes', [
        `topk(10, ${of('pgstrata_unused_index_bytes')})`,
        '{{schema}}.{{index}}',
      ]),
      panel('Numbers of sequences', 'percentunit', [
        `topk(10, ${of('pgstrata_sequence_used_ratio')})`,
        '{{schema}}.{{sequence}}',
      ]),
    ],
  },
  {
    title: 'WAL',
    panels: [
      panel('WAL written', 'Bps', [rateOf('pgstrata_wal_bytes_total'), '{{node}}']),
      panel('Checkpoints', 'ops', [rateOf('pgstrata_checkpoints_total'), '{{kind}} {{node}}']),
      panel('Segments that could not be archived', 'ops', [rateOf('pgstrata_archive_failures_total'), '{{node}}']),
    ],
  },
  {
    title: 'What pgstrata keeps',
    panels: [
      panel('Rollups: pending changes', 'short', ['pgstrata_rollup_pending_rows', '{{rollup}}']),
      panel('Rollups: age of what is pending', 's', ['pgstrata_rollup_age_seconds', '{{rollup}}']),
      panel('Materialized views: age', 's', ['pgstrata_view_age_seconds', '{{view}}']),
      panel('Materialized views: time to refresh', 's', ['pgstrata_view_refresh_seconds', '{{view}}']),
      panel('Partitions ahead', 'short', ['pgstrata_partitions_ahead', '{{table}}']),
      panel('Tiers: size in the database', 'bytes', ['pgstrata_tier_bytes', '{{table}} {{tier}}']),
      panel('Tiers: saved', 'bytes', ['pgstrata_tier_saved_bytes', '{{table}}']),
      panel(
        'Backups: age',
        's',
        ['pgstrata_backup_age_seconds', 'newest'],
        ['pgstrata_backup_verified_age_seconds', 'verified'],
      ),
      panel('Jobs: time of the last run', 's', ['pgstrata_job_seconds', '{{job_name}}']),
      panel('Jobs: failures in a row', 'short', ['pgstrata_job_failures', '{{job_name}}']),
      panel('Probes that are answered', 'percentunit', ['avg by (node) (pgstrata_probe_up)', '{{node}}']),
      panel('PgBouncer: clients that wait', 'short', ['pgstrata_pgbouncer_waiting', '{{database}}']),
    ],
  },
]
