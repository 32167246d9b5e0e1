// A server on restored data, for a look: it recovers to its moment, takes connections by a socket that only its account reaches, and
// does nothing by itself. It archives nothing, listens to no network, loads no library of the original, runs no autovacuum, and
// takes nothing from those that the original subscribes to.
//
// What must be true: it never writes anywhere but in its own folder. After stop() there is no process of it.
// On failure: BACKUP_UNVERIFIED with the last lines of its log.

import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isStrataError, messageOf, StrataError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import { makePrivate, writeFor } from '../embedded/access.ts'
import type { Binaries } from '../embedded/binaries.ts'
import type { RunUser } from '../embedded/host.ts'
import { startPostmaster, stopPostmaster } from '../embedded/postmaster.ts'
import { openDb } from '../db/pg-db.ts'
import type { Db } from '../db/db.ts'
import type { OriginalServer } from './server.ts'

export interface ScratchRequest {
  /** With the restored data in it, as `data`. */
  readonly folder: string
  readonly binaries: Binaries
  readonly account: RunUser | undefined
  readonly original: OriginalServer
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
}

export interface ScratchServer {
  open(who: { readonly user: string; readonly database: string }): Db
  /** For programs: -h and -p. */
  readonly socketDir: string
  readonly port: number
  stop(): Promise<void>
}

/** Of the socket's name alone: it listens to no network. */
const port = 5_432
/** Recovery reads all WAL since the backup. */
const longestRecoveryMs = 12 * 3_600_000

export const dataOf = (folder: string): string => join(folder, 'data')

export async function startScratch(request: ScratchRequest): Promise<ScratchServer> {
  const { folder, binaries, account, clock, signal } = request
  const dataDir = dataOf(folder)
  const socketDir = join(folder, 'socket')
  await mkdir(socketDir, { recursive: true })
  await makePrivate(socketDir, account)
  await configure(request, dataDir, socketDir)
  const postmaster = await startPostmaster({
    binaries,
    dataDir,
    logPath: join(folder, 'log'),
    user: account,
    detached: true,
    clock,
    timeoutMs: longestRecoveryMs,
    signal,
  }).catch((error: unknown) => {
    if (!isStrataError(error, 'EMBEDDED_FAILED')) throw error
    throw new StrataError('BACKUP_UNVERIFIED', {
      message: `The restored database could not be recovered to the moment (${messageOf(error)})`,
      notes: error.notes,
      cause: error,
    })
  })
  return {
    open: ({ user, database }) =>
      openDb({
        url: `postgres://${encodeURIComponent(user)}@localhost:${port}/${encodeURIComponent(database)}?host=${encodeURIComponent(socketDir)}`,
        applicationName: 'pgstrata verify',
        max: 2,
      }),
    socketDir,
    port,
    stop: () => stopPostmaster(postmaster, 'immediate', binaries, clock),
  }
}

async function configure({ account, original }: ScratchRequest, dataDir: string, socketDir: string): Promise<void> {
  const auto = join(dataDir, 'postgresql.auto.conf')
  await writeFor(account, auto, recoveryLines(await readFile(auto, 'utf8')))
  await writeFor(account, join(dataDir, 'postgresql.conf'), renderSettings(socketDir, original))
  // The folder of the socket lets in its account and root.
  await writeFor(account, join(dataDir, 'pg_hba.conf'), 'local all all trust\n')
  await writeFor(account, join(dataDir, 'pg_ident.conf'), '')
}

/** What ALTER SYSTEM set on the original is not for this one; how it recovers is. Pure. */
export function recoveryLines(auto: string): string {
  const lines = auto.split('\n').filter((line) => /^\s*(?:restore_command|recovery_target\w*)\s*=/.test(line))
  return [...lines, ''].join('\n')
}

function renderSettings(socketDir: string, { maxPreparedTransactions }: OriginalServer): string {
  const settings: Readonly<Record<string, string>> = {
    listen_addresses: '',
    port: String(port),
    unix_socket_directories: socketDir,
    cluster_name: 'pgstrata verify',
    // Otherwise it would have to be as large as the original.
    hot_standby: 'off',
    max_prepared_transactions: String(maxPreparedTransactions),
    archive_mode: 'off',
    autovacuum: 'off',
    fsync: 'off',
    full_page_writes: 'off',
    huge_pages: 'off',
    max_logical_replication_workers: '0',
    max_wal_senders: '0',
    restart_after_crash: 'off',
    shared_preload_libraries: '',
    ssl: 'off',
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    .join('')
}
