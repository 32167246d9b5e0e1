// The configuration of pgBackRest. It holds the pass of the repository, so nobody but the account of the server may read it.
//
// What must be true: a file that somebody else wrote is never overwritten; the text is there as a whole or not at all.

import { randomUUID } from 'node:crypto'
import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { messageOf, StrataError } from '../../base/errors.ts'
import { nameOf, type RunUser } from '../../embedded/host.ts'
import type { BackupSettings, Repository } from '../model/options.ts'
import type { BackedServer } from '../model/provider.ts'

const header = '# Written by `pgstrata backup init` from the configuration, and overwritten by it.'

export type ServerPlace = Pick<BackedServer, 'dataDir' | 'port' | 'socketDir' | 'database'>

/** Pure. */
export function renderConfigFile(settings: BackupSettings, server: ServerPlace): string {
  const { repository, pass, keep, stanza, user, processes } = settings
  const { dataDir, port, socketDir, database } = server
  return [
    header,
    '[global]',
    ...repositoryLines(repository),
    ...(pass === undefined ? [] : ['repo1-cipher-type=aes-256-cbc', `repo1-cipher-pass=${pass}`]),
    `repo1-retention-full=${keep.full}`,
    ...(keep.differential === undefined ? [] : [`repo1-retention-diff=${keep.differential}`]),
    // What goes is said by `run`, which asks for it by itself.
    'expire-auto=n',
    // Otherwise a backup begins with the next checkpoint.
    'start-fast=y',
    `process-max=${processes}`,
    'log-level-file=off',
    '',
    `[${stanza}]`,
    `pg1-path=${dataDir}`,
    `pg1-port=${port}`,
    `pg1-socket-path=${socketDir}`,
    `pg1-database=${database}`,
    ...(user === undefined ? [] : [`pg1-user=${user}`]),
    '',
  ].join('\n')
}

function repositoryLines(repository: Repository): readonly string[] {
  if (repository.kind === 'folder') return [`repo1-path=${repository.path}`]
  const { bucket, region, endpoint, prefix, pathStyle, caFile, credentials } = repository
  return [
    'repo1-type=s3',
    `repo1-path=${prefix}`,
    `repo1-s3-bucket=${bucket}`,
    `repo1-s3-region=${region}`,
    `repo1-s3-endpoint=${endpoint}`,
    ...(pathStyle ? ['repo1-s3-uri-style=path'] : []),
    ...(caFile === undefined ? [] : [`repo1-storage-ca-file=${caFile}`]),
    ...(credentials === undefined
      ? ['repo1-s3-key-type=auto']
      : [`repo1-s3-key=${credentials.accessKeyId}`, `repo1-s3-key-secret=${credentials.secretAccessKey}`]),
    // Small files go together: each would be a request.
    'repo1-bundle=y',
  ]
}

/** Whether it had to be written. */
export async function writeConfigFile(path: string, text: string, account: RunUser | undefined): Promise<boolean> {
  const before = await readIfThere(path)
  if (before === text) return false
  if (before !== undefined && !before.startsWith(header)) {
    throw new StrataError('BACKUP_FAILED', {
      message: `${path} is there already, and is not ours`,
      advice: 'Name another file as `backup.config`. What archives WAL by the old one would have to be changed by you.',
    })
  }
  const draft = `${path}.${randomUUID()}`
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(draft, text, { mode: 0o600, flag: 'wx' })
    if (account !== undefined) await chown(draft, account.uid, account.gid)
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw new StrataError('BACKUP_FAILED', {
      message: `${path} could not be written by ${nameOf(undefined)} (${messageOf(error)})`,
      advice: 'Run this command as root, or name a file as `backup.config` in a folder that you may write to.',
      cause: error,
    })
  }
  return true
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new StrataError('BACKUP_FAILED', {
      message: `${path} could not be read by ${nameOf(undefined)} (${messageOf(error)})`,
      advice: 'Run this command as root, or as the account that the server runs as.',
      cause: error,
    })
  }
}
