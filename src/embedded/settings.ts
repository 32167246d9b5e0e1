// The settings of a server, as the text of a configuration file. Pure.
// Order: our defaults, then what the caller says, then what the cluster cannot do without (and refuses to be told).

import { StrataError } from '../base/errors.ts'

export type Settings = Readonly<Record<string, string>>

/** The file in the data folder that holds them; postgresql.conf includes it. `alter system` still goes above it. */
export const settingsFile = 'pgstrata.conf'

const defaults: Settings = {
  max_connections: '100',
  wal_level: 'logical',
  max_wal_senders: '10',
  max_replication_slots: '10',
  // A replica that stays away must not fill the disk: past this it is built anew.
  max_slot_wal_keep_size: '1GB',
  wal_retrieve_retry_interval: '200ms',
  lc_messages: 'C',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '%m [%p] %a ',
}

/** What is in a temporary cluster is gone after a crash of the machine anyway. */
const notDurable: Settings = { fsync: 'off', full_page_writes: 'off' }

/** Dynamic shared memory as files of the data folder: it goes with the folder, even after a SIGKILL. */
const temporary: Settings = { dynamic_shared_memory_type: 'mmap' }

const ours: ReadonlySet<string> = new Set([
  'port',
  'listen_addresses',
  'unix_socket_directories',
  'data_directory',
  'hba_file',
  'hot_standby',
  'primary_conninfo',
  'primary_slot_name',
  'shared_preload_libraries',
  'logging_collector',
  'log_destination',
])

export interface SettingsRequest {
  readonly settings: Settings
  readonly preload: readonly string[]
  readonly durable: boolean
  readonly kept: boolean
}

/** The settings that all nodes share. Refuses names that are none, and those that are ours. */
export function planSettings(request: SettingsRequest): Settings {
  const asked = Object.fromEntries(Object.entries(request.settings).map(([name, value]) => [name.toLowerCase(), value]))
  for (const [name, value] of Object.entries(asked)) {
    if (!/^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?$/.test(name)) {
      throw new StrataError('VALUE_INVALID', { message: `${JSON.stringify(name)} is no name of a PostgreSQL setting` })
    }
    if (ours.has(name)) {
      throw new StrataError('VALUE_INVALID', {
        message: `The setting ${name} is made by the cluster itself`,
        advice: 'Leave it out; `port` and `preload` are options of their own.',
      })
    }
    if (/[\n\r\0]/.test(value))
      throw new StrataError('VALUE_INVALID', { message: `The value of ${name} has several lines` })
  }
  return {
    ...defaults,
    ...(request.durable ? {} : notDurable),
    ...(request.kept ? {} : temporary),
    ...asked,
    ...(request.preload.length === 0 ? {} : { shared_preload_libraries: request.preload.join(',') }),
  }
}

export interface Upstream {
  readonly port: number
  readonly slot: string
  readonly name: string
}

/** The whole file of one server. `upstream`: the primary that it follows. */
export function renderSettings(shared: Settings, port: number, upstream: Upstream | undefined): string {
  const settings: Settings = {
    ...shared,
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    hot_standby: 'on',
    logging_collector: 'off',
    log_destination: 'stderr',
    ...(upstream === undefined
      ? {}
      : {
          primary_conninfo: `host=127.0.0.1 port=${upstream.port} user=postgres application_name=${upstream.name}`,
          primary_slot_name: upstream.slot,
        }),
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quote(value)}`)
  return `${['# Written by pgstrata at every start; changes made here are lost.', ...lines].join('\n')}\n`
}

/** A value in postgresql.conf is read with backslash escapes. */
function quote(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}
