// A service that outlives the command that starts it, and is replaced without a gap.
//
// Promises: `startService` returns when the new process answers its readiness, and the one before has ended; nobody who asks
// meanwhile is refused. If the new one does not get there, the one before goes on and the error says why, with the end of the log.
// Who is asked to end is known by a socket of its own, never by a number in a file. Files: <folder>/.pgstrata/<name>.{sock,pid,log}.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { KitError } from '../kit-error.ts'
import { ask, placesOf, type Places, type Reply, type Status } from './control.ts'

export interface ServiceName {
  /** The app's. */
  readonly folder: string
  /** Default: 'service'. */
  readonly name?: string
}

export interface ServiceOptions extends ServiceName {
  /** The module that serves until SIGTERM; its routes are those of createApp. */
  readonly entry: string
  readonly args?: readonly string[]
  /** Default: that of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** 'http://127.0.0.1:3000/health/ready' */
  readonly readyUrl: string
  /** How long it may take to get ready. Default: 30 s. */
  readonly readyMs?: number
  /** How long the one before may take to end. Default: 15 s. */
  readonly graceMs?: number
}

export interface ServiceStatus extends Status {
  readonly logPath: string
}

const keeperStartMs = 30_000
const pollMs = 25

export async function startService(options: ServiceOptions): Promise<ServiceStatus> {
  const { folder, name = 'service', entry, args = [], env = process.env, readyUrl } = options
  const { readyMs = 30_000, graceMs = 15_000 } = options
  const places = placesOf(folder, name)
  await mkdir(places.folder, { recursive: true })
  if ((await ask(places.socket, { do: 'status' })) === undefined) {
    await checkPort(new URL(readyUrl))
    await startKeeper(places)
  }
  const given = Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined)
  const spec = { entry, args, runner: runner(), folder, env: Object.fromEntries(given), readyUrl, readyMs, graceMs }
  const { status } = await expectDone(await ask(places.socket, { do: 'roll', spec }), places)
  await writeFile(places.pid, `${status.keeper}\n`)
  return { ...status, logPath: places.log }
}

/** false: it did not run. */
export async function stopService({ folder, name = 'service' }: ServiceName): Promise<boolean> {
  const places = placesOf(folder, name)
  const reply = await ask(places.socket, { do: 'stop' })
  await rm(places.pid, { force: true })
  if (reply === undefined) return false
  await expectDone(reply, places)
  return true
}

/** undefined: it does not run. */
export async function serviceStatus({ folder, name = 'service' }: ServiceName): Promise<ServiceStatus | undefined> {
  const places = placesOf(folder, name)
  const reply = await ask(places.socket, { do: 'status' })
  return reply?.ok === true ? { ...reply.status, logPath: places.log } : undefined
}

async function expectDone(reply: Reply | undefined, places: Places): Promise<Extract<Reply, { ok: true }>> {
  if (reply?.ok === true) return reply
  const why = reply?.message ?? 'The keeper of the service is gone'
  throw new KitError([why, `The end of ${places.log}:`, ...(await endOf(places.log))].join('\n'))
}

async function startKeeper(places: Places): Promise<void> {
  const log = await open(places.log, 'a', 0o600)
  const entry = fileURLToPath(new URL('keeper-main.ts', import.meta.url))
  // What it keeps gets its environment each time anew, so it has none of its own.
  const child = spawn(process.execPath, [runner(), entry, places.socket], {
    detached: true,
    env: {},
    stdio: ['ignore', log.fd, log.fd],
  })
  child.unref()
  await log.close()
  const untilMs = performance.now() + keeperStartMs
  while ((await ask(places.socket, { do: 'status' })) === undefined) {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > untilMs) {
      const how = child.signalCode ?? (child.exitCode === null ? 'not in time' : `exit code ${child.exitCode}`)
      await expectDone({ ok: false, message: `The keeper of the service did not start (${how})` }, places)
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

async function checkPort({ hostname, port, protocol }: URL): Promise<void> {
  const number = Number(port === '' ? (protocol === 'https:' ? 443 : 80) : port)
  const server = createServer()
  try {
    server.listen(number, hostname.replace(/^\[|\]$/g, ''))
    await once(server, 'listening')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EADDRINUSE') return
    throw new KitError(
      `Port ${number} of ${hostname}: expected it to be free, but another process listens there.\n→ End that one, or take another port.`,
      { cause: error },
    )
  } finally {
    server.close()
  }
}

/** jiti's command: it compiles what is TypeScript, and leaves packages to node, which loads them several times as fast. */
function runner(): string {
  return join(dirname(createRequire(import.meta.url).resolve('jiti/package.json')), 'lib', 'jiti-cli.mjs')
}

async function endOf(path: string): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.trimEnd().split('\n').slice(-12)
}
