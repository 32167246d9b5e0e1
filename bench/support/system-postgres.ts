// What one would do without us: the distribution's own initdb and pg_ctl, a primary alone. PostgreSQL refuses to run as
// root; then it runs as the user postgres, whom the distribution's package made.

import { execFile } from 'node:child_process'
import { chown, mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { majors, type Major } from 'pgstrata/embedded'
import { freePort } from './free-port.ts'

const execute = promisify(execFile)
const systemFolder = '/usr/lib/postgresql'

interface Account {
  readonly uid: number
  readonly gid: number
}

export interface SystemPostgres {
  readonly major: Major
  readonly binDir: string
  /** Undefined: as whoever we are. */
  readonly account: Account | undefined
}

/** The newest one that is installed, or why there is none to compare with. */
export async function findSystemPostgres(): Promise<SystemPostgres | { readonly missing: string }> {
  const present = await readdir(systemFolder).catch((): string[] => [])
  const major = majors.findLast((major) => present.includes(String(major)))
  if (major === undefined) return { missing: `${systemFolder} has none of PostgreSQL ${majors.join(', ')}` }
  const binDir = join(systemFolder, String(major), 'bin')
  const tools = await readdir(binDir).catch((): string[] => [])
  const lacking = ['initdb', 'pg_ctl', 'postgres'].filter((tool) => !tools.includes(tool))
  if (lacking.length > 0) return { missing: `${binDir} has no ${lacking.join(', ')}` }
  if (process.getuid?.() !== 0) return { major, binDir, account: undefined }
  const account = await findAccount('postgres')
  return account === undefined
    ? { missing: 'there is no user postgres for a server started by root' }
    : { major, binDir, account }
}

async function findAccount(name: string): Promise<Account | undefined> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  const [, , uid, gid] = lines.find(([account]) => account === name) ?? []
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}

export interface SystemServer {
  readonly url: string
  readonly stop: () => Promise<void>
}

/** In a new folder below `parent`. */
export async function prepareSystemFolder(system: SystemPostgres, parent: string): Promise<string> {
  const folder = join(parent, 'system')
  await mkdir(folder, { mode: 0o700 })
  if (system.account !== undefined) await chown(folder, system.account.uid, system.account.gid)
  return folder
}

export async function startSystemServer(system: SystemPostgres, folder: string): Promise<SystemServer> {
  const data = join(folder, 'data')
  const tool = async (name: string, args: readonly string[]): Promise<void> => {
    await execute(join(system.binDir, name), [...args], { cwd: '/', ...system.account })
  }
  const port = await freePort()
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''`
  await tool('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust'])
  await tool('pg_ctl', ['start', '-w', '-D', data, '-o', settings, '-l', join(folder, 'log')])
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    stop: () => tool('pg_ctl', ['stop', '-w', '-m', 'immediate', '-D', data]),
  }
}
