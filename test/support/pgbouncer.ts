// A real PgBouncer in front of a test server, on a port of its own, gone after the test.

import { spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { freePort } from './free-port.ts'
import { waitUntil } from './wait.ts'

export interface PgBouncer {
  /** The URL given, led through the pooler. */
  readonly url: string
  close(): Promise<void>
}

export interface PgBouncerOptions {
  /** A whole pgbouncer.ini instead of ours; who may enter, and where it listens, is still the test's. */
  readonly ini?: string
}

export async function startPgBouncer(
  target: string,
  mode: 'session' | 'transaction',
  options: PgBouncerOptions = {},
): Promise<PgBouncer> {
  const { hostname, port, pathname, username } = new URL(target)
  const dir = await mkdtemp(join(tmpdir(), 'pgstrata-pgbouncer-'))
  await chmod(dir, 0o755)
  const listenPort = await freePort()
  await writeFile(join(dir, 'users.txt'), `"${username}" ""\n`, { mode: 0o644 })
  const own = {
    listen_addr: '127.0.0.1',
    listen_port: String(listenPort),
    unix_socket_dir: '',
    stats_users: username,
    auth_type: 'trust',
    auth_file: join(dir, 'users.txt'),
  }
  const ini =
    options.ini ??
    `[databases]
* = host=${hostname} port=${port}
[pgbouncer]
pool_mode = ${mode}
default_pool_size = 4
ignore_startup_parameters = extra_float_digits
`
  await writeFile(join(dir, 'pgbouncer.ini'), withSettings(ini, own), { mode: 0o644 })
  const asUser = process.getuid?.() === 0 ? ['-u', 'nobody'] : []
  const child = spawn('/usr/sbin/pgbouncer', ['-q', ...asUser, join(dir, 'pgbouncer.ini')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const url = `postgres://${username}@127.0.0.1:${listenPort}${pathname}`
  const close = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exited
    await rm(dir, { recursive: true, force: true })
  }
  try {
    await waitUntil(() => answers(url, () => child.exitCode !== null), { what: `PgBouncer to answer: ${log}` })
  } catch (error) {
    await close()
    throw new Error(`PgBouncer did not come up: ${log}`, { cause: error })
  }
  return { url, close }
}

/** Those of `[pgbouncer]`, which is the last section, put in place of what the text says. */
function withSettings(ini: string, settings: Readonly<Record<string, string>>): string {
  const kept = ini.split('\n').filter((line) => settings[/^(\w+) =/.exec(line)?.[1] ?? ''] === undefined)
  return `${kept.join('\n')}\n${Object.entries(settings)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('')}`
}

async function answers(url: string, gone: () => boolean): Promise<boolean> {
  if (gone()) throw new Error('PgBouncer ended')
  const db = openDb({ url, max: 1 })
  try {
    await db.query(sql`select 1`)
    return true
  } catch {
    return false
  } finally {
    await db.close()
  }
}
