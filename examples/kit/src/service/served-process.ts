// One process of a service: started, watched until it is ready, ended.

import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { workerHeader } from '../worker-header.ts'
import type { ProcessSpec } from './control.ts'

export interface ServedProcess {
  readonly pid: number
  readonly spec: ProcessSpec
  readonly sinceMs: number
  readonly worker: Worker
}

const pollMs = 50
const askMs = 2_000

/** A process that is ready, or why there is none. */
export async function startProcess(spec: ProcessSpec): Promise<ServedProcess | string> {
  const { entry, args, runner, folder, env, readyUrl, readyMs, graceMs } = spec
  cluster.setupPrimary({ exec: runner, args: [entry, ...args], cwd: folder })
  const worker = cluster.fork(env)
  const pid = worker.process.pid ?? 0
  say(`process ${pid} is started`)
  const untilMs = performance.now() + readyMs
  for (;;) {
    if (worker.isDead()) return `Process ${pid} ended before it was ready (${describeEnd(worker)})`
    if (await isReady(readyUrl, worker.id)) {
      say(`process ${pid} is ready`)
      return { pid, spec, sinceMs: Date.now(), worker }
    }
    if (performance.now() > untilMs) {
      await endWorker(worker, graceMs)
      return `Process ${pid} was not ready within ${readyMs / 1000} s: GET ${readyUrl} did not answer 200`
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}

export async function endProcess({ worker, pid, spec }: ServedProcess): Promise<void> {
  await endWorker(worker, spec.graceMs)
  say(`process ${pid} is ended`)
}

export function describeEnd({ process: { exitCode, signalCode } }: Worker): string {
  return signalCode ?? `exit code ${exitCode ?? 'unknown'}`
}

export function say(what: string): void {
  process.stdout.write(`${new Date().toISOString()} ${what}\n`)
}

/** Of two that listen at one port either may answer: only the new one counts. */
async function isReady(url: string, id: number): Promise<boolean> {
  try {
    const response = await fetch(url, { headers: { connection: 'close' }, signal: AbortSignal.timeout(askMs) })
    await response.arrayBuffer()
    return response.status === 200 && response.headers.get(workerHeader) === String(id)
  } catch {
    return false
  }
}

async function endWorker(worker: Worker, graceMs: number): Promise<void> {
  if (worker.isDead()) return
  const timer = setTimeout(() => worker.process.kill('SIGKILL'), graceMs)
  const exited = once(worker, 'exit')
  worker.process.kill('SIGTERM')
  await exited
  clearTimeout(timer)
}
