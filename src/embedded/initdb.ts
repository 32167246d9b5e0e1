// A new, empty cluster in a folder. About 0.9 s (two cores, no sync): no template is kept, for clusters copied from one
// would share their system identifier.

import { execFile } from 'node:child_process'
import { appendFile, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { checkpoint } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import { makePrivate } from './access.ts'
import type { Binaries } from './binaries.ts'
import { spawnAs, type RunUser } from './host.ts'
import { executable } from './packages.ts'
import { settingsFile } from './settings.ts'

const run = promisify(execFile)
const timeoutMs = 120_000

export interface InitRequest {
  readonly binaries: Binaries
  readonly dataDir: string
  readonly user: RunUser | undefined
  readonly durable: boolean
  readonly signal?: AbortSignal | undefined
}

/** Superuser "postgres", trusted from 127.0.0.1; UTF-8, in code point order. */
export async function initCluster(request: InitRequest): Promise<void> {
  const { binaries, dataDir, user, durable, signal } = request
  await makePrivate(dataDir, user)
  // builtin C.UTF-8 knows upper and lower case of all letters, and is the same everywhere; it is there from 17 on.
  const locale = binaries.major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []
  const args = [
    '-D',
    dataDir,
    '-U',
    'postgres',
    '-A',
    'trust',
    '-E',
    'UTF8',
    '--locale=C',
    ...locale,
    ...(durable ? [] : ['--no-sync']),
  ]
  try {
    // Not ended by the signal: the servers that initdb runs would outlive it for a moment, in a folder being removed.
    await run(executable(binaries.binDir, 'initdb'), args, { timeout: timeoutMs, ...spawnAs(user) })
  } catch (error) {
    checkpoint(signal)
    const { stderr = '' } = error as { stderr?: string }
    throw new StrataError('EMBEDDED_FAILED', {
      message: `initdb of PostgreSQL ${binaries.version} failed`,
      notes: stderr
        .split('\n')
        .filter((line) => line.trim() !== '')
        .slice(-15),
      cause: error,
    })
  }
  checkpoint(signal)
  await appendFile(join(dataDir, 'postgresql.conf'), `\ninclude_if_exists = '${settingsFile}'\n`)
}

/** The major version of the data in a folder; undefined: there is none. */
export async function dataVersion(dataDir: string): Promise<number | undefined> {
  const text = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : Number.parseInt(text, 10)
}

/** The system identifier, which a cluster shares with its replicas and with nobody else: first in pg_control. */
export async function systemIdentifier(dataDir: string): Promise<string | undefined> {
  const file = await open(join(dataDir, 'global', 'pg_control')).catch(() => undefined)
  if (file === undefined) return undefined
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0)
    // In the order of bytes of the machine that wrote it, which is this one; all that are supported are little-endian.
    return bytesRead === 8 ? buffer.readBigUInt64LE().toString() : undefined
  } finally {
    await file.close()
  }
}
