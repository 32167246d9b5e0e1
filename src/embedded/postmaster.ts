// One server process: spawned directly, not through pg_ctl, so that its end is ours to see and nothing has to be polled
// for it. That it is ready is read from its lock file, postmaster.pid, whose last line says "ready" as soon as
// connections are taken (what pg_ctl does; independent of the language and the level of the log).
// Promises: when stop() has returned there is no such process, and none of its children.
// On failure: EMBEDDED_FAILED with the last lines of the log; nothing is left running.

import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Clock } from '../base/clock.ts'
import { messageOf, StrataError } from '../base/errors.ts'
import type { Binaries } from './binaries.ts'
import { childrenOf, commandOf, isAlive, isWindows, sendSignal, spawnAs, type RunUser } from './host.ts'
import { openLog, tailOf } from './log-file.ts'
import { executable } from './packages.ts'
import { happensWithin, poll } from './wait.ts'

const run = promisify(execFile)
const readyPollMs = 5
/** How long each way of stopping is given before the next, harder one. */
const stopTimeoutsMs = { fast: 20_000, immediate: 5_000, kill: 5_000 }

export type StopMode = 'fast' | 'immediate'

export interface Postmaster {
  readonly pid: number
  readonly exited: Promise<void>
  hasExited(): boolean
}

export interface PostmasterRequest {
  readonly binaries: Binaries
  readonly dataDir: string
  readonly logPath: string
  readonly user: RunUser | undefined
  /** Out of the terminal's process group: Ctrl-C then reaches us alone, and we stop it in order. */
  readonly detached: boolean
  readonly clock: Clock
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

export async function startPostmaster(request: PostmasterRequest): Promise<Postmaster> {
  const log = await openLog(request.logPath)
  const logStart = (await log.stat()).size
  const child = spawn(executable(request.binaries.binDir, 'postgres'), ['-D', request.dataDir], {
    stdio: ['ignore', log.fd, log.fd],
    detached: request.detached && !isWindows,
    windowsHide: true,
    ...spawnAs(request.user),
  })
  const failure = watchSpawn(child)
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  await log.close()
  const postmaster: Postmaster = {
    pid: child.pid ?? 0,
    exited,
    hasExited: () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null,
  }
  try {
    await waitUntilReady(postmaster, request)
    return postmaster
  } catch (error) {
    await stopPostmaster(postmaster, 'immediate', request.binaries, request.clock)
    if (error instanceof StrataError && error.code !== 'EMBEDDED_FAILED') throw error
    throw new StrataError('EMBEDDED_FAILED', {
      message: messageOf(error),
      notes: [...failure(), ...(await tailOf(request.logPath, logStart))],
      details: { dataDir: request.dataDir, log: request.logPath },
    })
  }
}

function watchSpawn(child: ChildProcess): () => readonly string[] {
  const failures: string[] = []
  child.on('error', (error) => failures.push(messageOf(error)))
  return () => failures
}

async function waitUntilReady(postmaster: Postmaster, request: PostmasterRequest): Promise<void> {
  const { clock, dataDir, timeoutMs, signal } = request
  const outcome = await poll<'ready' | 'exited'>(
    async () => {
      if (postmaster.hasExited()) return 'exited'
      const lock = await readLock(dataDir)
      return lock?.pid === postmaster.pid && lock.status === 'ready' ? 'ready' : undefined
    },
    { clock, timeoutMs, everyMs: readyPollMs, signal },
  )
  if (outcome === 'ready') return
  throw new StrataError('EMBEDDED_FAILED', {
    message:
      outcome === 'exited'
        ? `PostgreSQL ${request.binaries.version} ended as soon as it was started`
        : `PostgreSQL ${request.binaries.version} was not ready within ${timeoutMs / 1_000} s`,
  })
}

/** Asks first as `mode` says, then harder; each step bounded. */
export async function stopPostmaster(
  postmaster: Postmaster,
  mode: StopMode,
  binaries: Binaries,
  clock: Clock,
): Promise<void> {
  const gone = async (timeoutMs: number): Promise<boolean> =>
    postmaster.hasExited() || (await happensWithin(postmaster.exited, timeoutMs, clock))
  if (!postmaster.hasExited()) await stopHarder({ pid: postmaster.pid, mode, binaries, clock, gone })
}

/** SIGKILL to the server and its children; returns when all are gone, for they hold the shared memory as long. */
export async function killTree(pid: number, clock: Clock): Promise<void> {
  const all = [pid, ...(await childrenOf(pid))]
  for (const each of all) sendSignal(each, 'SIGKILL')
  await Promise.all(all.map((each) => goneWithin(each, stopTimeoutsMs.kill, clock)))
}

async function goneWithin(pid: number, timeoutMs: number, clock: Clock): Promise<boolean> {
  const ended = async (): Promise<true | undefined> => ((await isAlive(pid)) ? undefined : true)
  return (await poll(ended, { clock, timeoutMs, everyMs: 5 })) === true
}

/** Stops the server that a run which is no more has left in this data folder. True: there was one. */
export async function stopLeftover(
  dataDir: string,
  mode: StopMode,
  binaries: Binaries,
  clock: Clock,
): Promise<boolean> {
  const pid = (await readLock(dataDir))?.pid
  if (pid === undefined || !(await isAlive(pid))) return false
  // The number may have gone to another program since; a server of ours has the folder on its command line.
  const command = await commandOf(pid)
  const isOurs = isWindows ? command?.includes('postgres') === true : command?.includes(`-D ${dataDir}`) === true
  if (!isOurs) return false
  await stopHarder({ pid, mode, binaries, clock, gone: (timeoutMs) => goneWithin(pid, timeoutMs, clock) })
  return true
}

interface StopRequest {
  readonly pid: number
  readonly mode: StopMode
  readonly binaries: Binaries
  readonly clock: Clock
  /** Waits so long at the most, and tells. */
  readonly gone: (timeoutMs: number) => Promise<boolean>
}

async function stopHarder({ pid, mode, binaries, clock, gone }: StopRequest): Promise<void> {
  if (mode === 'fast') {
    await signalServer(pid, 'SIGINT', binaries)
    if (await gone(stopTimeoutsMs.fast)) return
  }
  await signalServer(pid, 'SIGQUIT', binaries)
  if (await gone(stopTimeoutsMs.immediate)) return
  await killTree(pid, clock)
  if (await gone(stopTimeoutsMs.kill)) return
  throw new StrataError('EMBEDDED_FAILED', { message: `Process ${pid} (PostgreSQL) does not end, not even by SIGKILL` })
}

/** Node's signals on Windows end a process at once; pg_ctl knows how to ask. */
async function signalServer(pid: number, signal: 'SIGINT' | 'SIGQUIT', binaries: Binaries): Promise<void> {
  if (!isWindows) sendSignal(pid, signal)
  else await run(executable(binaries.binDir, 'pg_ctl'), ['kill', signal.slice(3), String(pid)]).catch(() => undefined)
}

interface Lock {
  readonly pid: number
  readonly status: string
}

/** postmaster.pid: the number in its first line, the status in its eighth. */
async function readLock(dataDir: string): Promise<Lock | undefined> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '')
  const lines = text.split('\n')
  const pid = Number.parseInt(lines[0] ?? '', 10)
  return pid > 0 ? { pid, status: (lines[7] ?? '').trim() } : undefined
}
