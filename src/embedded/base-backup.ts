// A copy of a running primary for a replica to start from: the low-level base backup (chapter 25.3.4) with a copy of the
// folder in between, for the npm binaries have no pg_basebackup. WAL is not copied: the replica streams it, and a slot
// made beforehand keeps it there.
// Promises: the copy is under its name only when it is complete. On failure nothing of it is left.

import { constants } from 'node:fs'
import { chown, copyFile, mkdir, readdir, readlink, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { checkpoint } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import { onlyRow, type Db, type Session } from '../db/db.ts'
import { sql } from '../sql/sql.ts'
import { makePrivate, writeFor } from './access.ts'
import type { RunUser } from './host.ts'

/** Folders whose contents belong to the running server alone; they stay empty in the copy. */
const emptied: ReadonlySet<string> = new Set([
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
  'pg_wal',
])

const skipped: ReadonlySet<string> = new Set([
  'postmaster.pid',
  'postmaster.opts',
  'backup_label',
  'tablespace_map',
  'standby.signal',
  'recovery.signal',
  'pg_internal.init',
])

const copiesAtOnce = 16

export interface BackupRequest {
  readonly primary: Db
  readonly from: string
  readonly to: string
  readonly slot: string
  readonly user: RunUser | undefined
  readonly signal?: AbortSignal | undefined
}

export async function copyPrimary(request: BackupRequest): Promise<void> {
  const { primary, from, to, slot, user } = request
  if ((await readdir(join(from, 'pg_tblspc'))).length > 0) {
    throw new StrataError('EMBEDDED_FAILED', {
      message: 'The primary has tablespaces; a replica on the same machine would write to the same folders',
      advice: 'Drop the tablespaces, or do without embedded replicas.',
    })
  }
  const draft = `${to}.draft`
  await rm(draft, { recursive: true, force: true })
  await makePrivate(draft, user)
  try {
    await primary.withSession(async (session) => {
      await remakeSlot(session, slot)
      const label = await backUp(session, slot, () => copyFolder(from, draft, user, request.signal))
      await writeFor(user, join(draft, 'backup_label'), label)
      await writeFor(user, join(draft, 'standby.signal'), '')
    })
    await rename(draft, to)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    await dropSlot(primary, slot).catch(() => undefined)
    throw error
  }
}

/** Runs `copy` between start and stop, which have to be on one connection; returns the backup label. */
async function backUp(session: Session, name: string, copy: () => Promise<void>): Promise<string> {
  const stop = async (): Promise<string> =>
    onlyRow(await session.query<{ label: string }>(sql`select labelfile as label from pg_backup_stop(false)`)).label
  await session.query(sql`select pg_backup_start(${name}, true)`)
  try {
    await copy()
  } catch (error) {
    // The connection goes back to its pool; there it must not be in the middle of a backup.
    await stop().catch(() => undefined)
    throw error
  }
  return await stop()
}

/** Keeps WAL from now on. */
async function remakeSlot(session: Session, slot: string): Promise<void> {
  await session.query(
    sql`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ${slot}`,
  )
  await session.query(sql`select pg_create_physical_replication_slot(${slot}, true)`)
}

export async function dropSlot(primary: Db, slot: string): Promise<void> {
  await primary.query(
    sql`select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ${slot} and not active`,
  )
}

async function copyFolder(
  from: string,
  to: string,
  user: RunUser | undefined,
  signal: AbortSignal | undefined,
): Promise<void> {
  const files: [source: string, target: string][] = []
  await makeFolders(from, to, user, files)
  const work = files.values()
  const copyRest = async (): Promise<void> => {
    for (const [source, target] of work) {
      checkpoint(signal)
      await copyOne(source, target, user)
    }
  }
  await Promise.all(Array.from({ length: copiesAtOnce }, copyRest))
}

async function makeFolders(
  from: string,
  to: string,
  user: RunUser | undefined,
  files: [string, string][],
): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const { name } = entry
    if (skipped.has(name) || name.startsWith('pgsql_tmp')) continue
    const source = join(from, name)
    const target = join(to, name)
    if (!entry.isDirectory() && !entry.isSymbolicLink()) {
      files.push([source, target])
      continue
    }
    if (entry.isSymbolicLink() && !emptied.has(name)) {
      await symlink(await readlink(source), target)
      continue
    }
    await mkdir(target, { mode: 0o700 })
    if (user !== undefined) await chown(target, user.uid, user.gid)
    if (!emptied.has(name)) await makeFolders(source, target, user, files)
  }
}

/** A file that went away meanwhile is not missed: recovery makes it again, or drops it. */
async function copyOne(source: string, target: string, user: RunUser | undefined): Promise<void> {
  try {
    await copyFile(source, target, constants.COPYFILE_FICLONE)
    if (user !== undefined) await chown(target, user.uid, user.gid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
