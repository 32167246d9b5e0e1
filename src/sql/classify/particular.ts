// What a name tells of a function or relation beyond its volatility: whether its answer is that of one server or one
// session, though PostgreSQL calls it stable; whether it is volatile and yet at home anywhere; whether it leaves
// something on the session. Pure tables of names.

/** Functions whose answer is that of one server or one session. */
const particularFunction =
  /^(?:pg_stat_|pg_current_|pg_last_|pg_is_|pg_wal_(?!lsn_diff$)|pg_walfile_|pg_split_walfile_|pg_replication_|pg_get_replication_|pg_event_trigger_|pg_available_|pg_control_|inet_(?:client|server)_|txid_current|dblink)/

const particularFunctions: ReadonlySet<string> = new Set(
  `currval lastval pg_backend_pid pg_blocking_pids pg_client_encoding pg_conf_load_time pg_config pg_cursor pg_export_snapshot
  pg_extension_update_paths pg_jit_available pg_listening_channels pg_lock_status pg_my_temp_schema pg_numa_available
  pg_postmaster_start_time pg_prepared_statement pg_prepared_xact pg_show_all_settings pg_tablespace_databases
  pg_tablespace_location pg_trigger_depth version`.split(/\s+/),
)

export function isParticularFunction(name: string): boolean {
  return particularFunctions.has(name) || particularFunction.test(name)
}

/** Volatile because each call answers something else, and no more than that. */
const harmlessFunctions: ReadonlySet<string> = new Set(
  `clock_timestamp gen_random_uuid pg_sleep pg_sleep_for pg_sleep_until random random_normal timeofday uuidv4
  uuidv7`.split(/\s+/),
)

export function isHarmlessFunction(name: string): boolean {
  return harmlessFunctions.has(name)
}

/** set_config is told apart by its arguments. The slots are those that may be temporary. */
const keepingFunction =
  /^(?:pg_(?:try_)?advisory_lock(?:_shared)?|setseed|set_limit|dblink_connect(?:_u)?|pg_replication_origin_session_setup|pg_(?:create|copy)_(?:logical|physical)_replication_slot)$/

export function isKeepingFunction(name: string): boolean {
  return keepingFunction.test(name)
}

/** pg_statistic and pg_stats are ordinary catalogs and do not begin like this. */
const particularRelation =
  /^pg_(?:stat_|statio_|replication_|prepared_|locks$|cursors$|settings$|sequences$|config$|aios$|backend_memory_contexts$|shmem_allocations|wait_events$|file_settings$|hba_file_rules$|ident_file_mappings$|available_extension|buffercache)/

/** In any schema: those of extensions stand where their owner put them. */
export function isParticularRelation(name: string): boolean {
  return particularRelation.test(name)
}

/** pg_temp, and the schemas it stands for. */
export function isTemporarySchema(name: unknown): boolean {
  return typeof name === 'string' && /^pg_(?:toast_)?temp(?:_\d+)?$/.test(name)
}
