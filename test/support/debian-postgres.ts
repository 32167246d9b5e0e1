// A server of the distribution's own PostgreSQL 15, for what embedded binaries do not have: extensions such as pg_cron.
// Temporary: initdb in a folder of its own, gone afterwards. PostgreSQL refuses to run as root; then it runs as the account
// that src/embedded takes, too.

import { execFile } from 'node:child_process'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findRunUser, spawnAs } from '../../src/embedded/host.ts'
import { choosePort } from '../../src/embedded/ports.ts'

const execute = promisify(execFile)
const folder = '/usr/lib/postgresql/15'

export interface DebianPostgres {
  /** Of database "postgres", as its superuser. */
  readonly url: string
  restart(): Promise<void>
  stop(): Promise<void>
}

export async function startDebianPostgres(settings: Readonly<Record<string, string>>): Promise<DebianPostgres> {
  const user = await findRunUser()
  const dir = await mkdtemp(join(tmpdir(), 'pgstrata-debian-'))
  if (user !== undefined) await chown(dir, user.uid, user.gid)
  const data = join(dir, 'data')
  const run = async (tool: string, ...args: readonly string[]): Promise<void> => {
    await execute(join(folder, 'bin', tool), [...args], spawnAs(user))
  }
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true })
  try {
    await run('initdb', '-D', data, '-U', 'postgres', '-A', 'trust', '-k', '--no-sync', '-E', 'UTF8', '--locale=C')
    const port = await choosePort(undefined, Math.random)
    const all = {
      port: String(port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: dir,
      fsync: 'off',
      ...settings,
    }
    const options = Object.entries(all).map(([name, value]) => `-c ${name}='${value}'`)
    await run('pg_ctl', 'start', '-w', '-D', data, '-l', join(dir, 'log'), '-o', options.join(' '))
    return {
      // With the options it was started with.
      restart: () => run('pg_ctl', 'restart', '-w', '-m', 'fast', '-D', data, '-l', join(dir, 'log')),
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      stop: async () => {
        await run('pg_ctl', 'stop', '-w', '-m', 'immediate', '-D', data)
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}
