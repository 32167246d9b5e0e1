// Restoring for good: into an empty folder, to a moment, ready to be started. It needs the repository and nothing else, neither the
// database nor the machine that it ran on.
//
// Invariant: nothing is written into a folder that has something in it.

import { mkdir, readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { messageOf, StrataError } from '../base/errors.ts'
import { canReach, makePrivate, writeFor } from '../embedded/access.ts'
import { nameOf, type RunUser } from '../embedded/host.ts'
import type { BackupProvider } from './model/provider.ts'
import type { BackupRecord } from './model/record.ts'
import { momentText } from './moment.ts'
import { isThere } from './presence.ts'
import { choose } from './verify.ts'

export interface RestoreOptions {
  readonly dir: string
  readonly at: Date | 'latest'
  readonly signal?: AbortSignal | undefined
}

export interface RestoreReport {
  readonly dir: string
  readonly backup: BackupRecord
  /** As PostgreSQL reads it, or 'latest'. */
  readonly target: string
  /** Who owns it, and has to run the server. */
  readonly account: string
}

export async function restoreBackup(
  provider: BackupProvider,
  { dir: written, at, signal }: RestoreOptions,
): Promise<RestoreReport> {
  const dir = resolve(written)
  await requireEmpty(dir)
  await provider.prepareRestore(dir)
  const account = await provider.account()
  const records = await provider.list(signal)
  const backup = choose(records, at === 'latest' ? new Date(8.64e15) : at)
  await makeFolder(dir, account)
  const target = at === 'latest' ? at : momentText(at)
  await provider.restore({ backup: backup.label, dir, tablespaces: `${dir}.tablespaces`, target }, signal)
  await completeSettings(dir, account)
  return { dir, backup, target, account: nameOf(account) }
}

async function requireEmpty(dir: string): Promise<void> {
  const entries = await readdir(dir).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new StrataError('BACKUP_FAILED', {
      message: `${dir} cannot be looked at (${messageOf(error)})`,
      cause: error,
    })
  })
  if (entries.length === 0) return
  throw new StrataError('BACKUP_FAILED', {
    message: `${dir} is not empty`,
    expected: 'an empty folder, or one that does not exist',
    got: `${entries.length} entries, such as ${entries[0] ?? ''}`,
    advice: 'Name another folder. To restore where the data was, move that away first, and keep it until all is well.',
  })
}

async function makeFolder(dir: string, account: RunUser | undefined): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const isOurs = (await canReach(dir, account)) || (await makePrivate(dir, account))
  if (isOurs && (await makePrivate(dir, account)) && (await canReach(dir, account))) return
  throw new StrataError('BACKUP_FAILED', {
    message: `Account ${nameOf(account)}, which runs the server, cannot get to ${dir}`,
    advice: 'Name a folder that it can reach, such as one in /var/lib/postgresql.',
  })
}

/** Distributions keep these outside of the data; with them it starts as it is, reached by its socket alone. */
async function completeSettings(dir: string, account: RunUser | undefined): Promise<void> {
  const files: Readonly<Record<string, string>> = {
    'postgresql.conf': `# Written by \`pgstrata backup restore\`, for the backup has none.
listen_addresses = ''
unix_socket_directories = '/tmp'
# Recovery would otherwise need settings as large as the original's.
hot_standby = off
# Otherwise it would take what the original's subscriptions have yet to get.
max_logical_replication_workers = 0
`,
    'pg_hba.conf': 'local all all peer\n',
    'pg_ident.conf': '',
  }
  for (const [name, text] of Object.entries(files)) {
    const path = join(dir, name)
    if (!(await isThere(path))) await writeFor(account, path, text)
  }
}
