// Debian's PostgreSQL 15 that archives its WAL by Debian's pgBackRest: the newest versions of both that know each other. Temporary, with a
// repository and a stanza of its own.

import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmod, chown, mkdir, mkdtemp, open, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { accountOf } from '../../src/backup/account.ts'
import { createBackup, type Backup, type BackupSettings } from '../../src/backup/index.ts'
import { systemClock } from '../../src/base/clock.ts'
import { onlyRow, type Db } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { spawnAs } from '../../src/embedded/host.ts'
import { nextTickMs } from '../../src/maintain/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { settingsIn } from './backup-settings.ts'
import { startDebianPostgres, type DebianPostgres } from './debian-postgres.ts'
import { waitUntil } from './wait.ts'

export interface BackedUpServer {
  readonly server: DebianPostgres
  readonly db: Db
  readonly folder: string
  readonly settings: BackupSettings
  readonly backup: Backup
  /** With what it holds. */
  readonly stopServer: () => Promise<void>
  /** With other settings, of the same repository. */
  readonly backupWith: (change: Partial<BackupSettings>) => Backup
  readonly close: () => Promise<void>
}

export function archiveCommandOf({ configFile, stanza }: BackupSettings): string {
  return `pgbackrest --config=${configFile} --stanza=${stanza} archive-push %p`
}

/** As `init` says to do it. */
export async function setArchiveCommand(db: Db, text: string): Promise<void> {
  await db.query(sql`alter system set archive_command = ${sql.literal(text)}`)
  await db.query(sql`select pg_reload_conf()`)
  const asked = sql`select 1 from pg_settings where name = 'archive_command' and setting = ${text}`
  await waitUntil(async () => (await db.query(asked)).rowCount === 1, { what: 'the server has read its settings' })
}

/** A folder that the server's account reaches, and what it takes away when the test has finished. */
export async function startBackedUp(change: Partial<BackupSettings> = {}): Promise<BackedUpServer> {
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'pgstrata-backup-'))
  // The server's account has to get there.
  await chmod(folder, 0o755)
  const settings = settingsIn(folder, `test${randomUUID().slice(0, 8)}`, change)
  const server = await startDebianPostgres({
    wal_level: 'replica',
    archive_mode: 'on',
    archive_timeout: '60',
  })
  const db = openDb({ url: server.url })
  await setArchiveCommand(db, archiveCommandOf(settings))
  const backupWith = (more: Partial<BackupSettings>): Backup =>
    createBackup({ db, settings: { ...settings, ...more }, nextTickMs, clock: systemClock })
  let isThere = true
  const stopServer = async (): Promise<void> => {
    if (isThere) await server.stop()
    isThere = false
  }
  return {
    server,
    stopServer,
    db,
    folder,
    settings,
    backup: backupWith({}),
    backupWith,
    close: async () => {
      await db.close()
      await stopServer()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Table `ruined`: its first page has a wrong checksum on the disk, until it is dropped. */
export async function ruinTable(db: Db): Promise<void> {
  await db.query(sql`create table ruined as select n from generate_series(1, 100) n`)
  await db.query(sql`checkpoint`)
  const answer = await db.query<{ path: string }>(sql`
    select current_setting('data_directory') || '/' || pg_relation_filepath('ruined') as path`)
  const file = await open(onlyRow(answer).path, 'r+')
  await file.write(Buffer.from('ruined'), 0, 6, 8_000)
  await file.close()
}

export interface RestoredServer {
  readonly db: Db
  stop(): Promise<void>
}

/** As docs/backup.md says it, once it has recovered. */
export async function startRestored(
  dir: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<RestoredServer> {
  const account = await accountOf(dir)
  const run = (...args: readonly string[]): Promise<unknown> =>
    promisify(execFile)('/usr/lib/postgresql/15/bin/pg_ctl', ['-D', dir, ...args], spawnAs(account))
  const sockets = `${dir}.sockets`
  await mkdir(sockets, { mode: 0o700 })
  if (account !== undefined) await chown(sockets, account.uid, account.gid)
  await writeFile(join(dir, 'pg_hba.conf'), 'local all all trust\n')
  const all = { listen_addresses: '', unix_socket_directories: sockets, port: '5433', fsync: 'off', ...settings }
  const options = Object.entries(all).map(([name, value]) => `-c ${name}='${value}'`)
  await run('start', '-w', '-l', join(sockets, 'log'), '-o', options.join(' '))
  const db = openDb({ url: `postgres://postgres@localhost:5433/postgres?host=${sockets}` })
  // It can be read while it still recovers.
  await waitUntil(
    async () => {
      const answer = await db.query<{ over: boolean }>(sql`select not pg_is_in_recovery() as over`)
      return onlyRow(answer).over
    },
    { what: 'recovery has ended' },
  )
  return {
    db,
    stop: async () => {
      await db.close()
      await run('stop', '-w', '-m', 'immediate')
    },
  }
}
