// What this machine and this process are: the one file of the library, apart from the command line, that touches
// `process`. Promises: every question has an answer on Linux, macOS and Windows, if only "not known"; nothing is kept.

import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { homedir, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StrataError } from '../base/errors.ts'

const run = promisify(execFile)
const toolTimeoutMs = 10_000

export const isWindows: boolean = process.platform === 'win32'

/** 'linux-x64', as the npm packages with the binaries name it. */
export const platformName: string = `${isWindows ? 'windows' : process.platform}-${process.arch}`

/** An account that PostgreSQL may run as. */
export interface RunUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** PostgreSQL refuses to run as root. Undefined: we are not root, and it runs as we do. */
export async function findRunUser(): Promise<RunUser | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'))
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = accounts.find(([account]) => account === name) ?? []
    if (Number(uid) > 0 && Number(gid) > 0) return { name, uid: Number(uid), gid: Number(gid) }
  }
  throw new StrataError('EMBEDDED_FAILED', {
    message: 'PostgreSQL does not run as root, and /etc/passwd has no user "postgres" or "nobody" to run it as',
    advice: 'Add one (`useradd --system postgres`), or run as another user than root.',
  })
}

export function nameOf(user: RunUser | undefined): string {
  return user?.name ?? userInfo().username
}

/** Tells this user's folders from those of others in a shared place. */
export function userTag(): string {
  return String(process.getuid?.() ?? 'user')
}

export function ownUid(): number | undefined {
  return process.getuid?.()
}

/** Folders for binaries that are copied, best first. */
export function cacheFolders(): readonly string[] {
  const lastResort = join(tmpdir(), `pgstrata-cache-${userTag()}`)
  if (process.getuid?.() === 0) return ['/var/cache/pgstrata', lastResort]
  return [join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'pgstrata'), lastResort]
}

/** Folders for the data of temporary clusters, best first. */
export function temporaryFolders(): readonly string[] {
  return isWindows ? [tmpdir()] : [...new Set([tmpdir(), '/tmp', '/var/tmp'])]
}

/** A disk in memory, where the system has one that users may write to. */
export const memoryFolder: string | undefined = process.platform === 'linux' ? '/dev/shm' : undefined

/** A process, told from a later one that was given the same number. */
export interface ProcessIdentity {
  readonly pid: number
  /** Empty where the system does not tell. */
  readonly started: string
}

export async function ownIdentity(): Promise<ProcessIdentity> {
  return { pid: process.pid, started: await startOf(process.pid) }
}

export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  if (!(await isAlive(identity.pid))) return false
  const started = await startOf(identity.pid)
  return identity.started === '' || started === '' || started === identity.started
}

export async function isAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  // In a container nobody may reap orphans: they stay as zombies, which have ended all the same.
  return process.platform !== 'linux' || (await statOf(pid))[0] !== 'Z'
}

/** False where there is no such process any more. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

/** The command line of a process; undefined where there is none, or it is not to be learned. */
export async function commandOf(pid: number): Promise<string | undefined> {
  if (process.platform === 'linux') {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    return text === '' ? undefined : text.split('\0').join(' ').trim()
  }
  const output = isWindows
    ? await outputOf('tasklist', ['/NH', '/FI', `PID eq ${pid}`])
    : await outputOf('ps', ['-ww', '-o', 'command=', '-p', String(pid)])
  return output === '' ? undefined : output
}

export async function childrenOf(pid: number): Promise<readonly number[]> {
  // On Windows the children of a postmaster leave by themselves when it is gone.
  if (isWindows) return []
  if (process.platform !== 'linux') {
    const pairs = (await outputOf('ps', ['-A', '-o', 'pid=,ppid='])).split('\n').map((line) => line.trim().split(/\s+/))
    return pairs.filter(([, parent]) => parent === String(pid)).map(([child]) => Number(child))
  }
  const candidates = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const parents = await Promise.all(candidates.map(async (candidate) => (await statOf(candidate))[1]))
  return candidates.filter((_, index) => parents[index] === String(pid))
}

/** The environment of a server: without what would lead it elsewhere (PG…) and with messages in English. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name))
  return { ...Object.fromEntries(kept), LC_ALL: 'C' }
}

/** How to start a program as `user`: from a folder that everybody can be in. */
export function spawnAs(user: RunUser | undefined): {
  cwd?: string
  uid?: number
  gid?: number
  env: NodeJS.ProcessEnv
} {
  const env = serverEnvironment()
  return user === undefined ? { env } : { env, cwd: '/', uid: user.uid, gid: user.gid }
}

const exitCallbacks = new Set<() => void>()

/** Calls back when this process ends in its own way (not by a signal). Returns how to take that back. */
export function atExit(callback: () => void): () => void {
  // One listener for all: Node warns of more than ten.
  if (exitCallbacks.size === 0) process.on('exit', callBack)
  exitCallbacks.add(callback)
  return () => {
    exitCallbacks.delete(callback)
    if (exitCallbacks.size === 0) process.off('exit', callBack)
  }
}

function callBack(): void {
  for (const callback of exitCallbacks) callback()
}

async function startOf(pid: number): Promise<string> {
  if (isWindows) return ''
  if (process.platform !== 'linux') return await outputOf('ps', ['-o', 'lstart=', '-p', String(pid)])
  // The start is told in ticks since boot, so the boot belongs to it.
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  const ticks = (await statOf(pid))[19]
  return ticks === undefined ? '' : `${boot.trim()}:${ticks}`
}

/** proc_pid_stat(5) from the third field on: state, parent, …; the second may hold blanks and brackets. */
async function statOf(pid: number): Promise<readonly string[]> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return text === '' ? [] : text.slice(text.lastIndexOf(')') + 2).split(' ')
}

async function outputOf(command: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(command, [...args], { timeout: toolTimeoutMs }).catch(() => ({ stdout: '' }))
  return stdout.trim()
}
