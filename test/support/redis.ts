// A real Redis for a test, on a port and in a folder of its own, that can be killed, stopped and started again.

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from 'redis'
import { afterAll, beforeAll } from 'vitest'
import { freePort } from './free-port.ts'
import { waitUntil } from './wait.ts'

export interface TestRedis {
  readonly url: string
  readonly port: number
  /** SIGSTOP, SIGCONT. */
  pause(): void
  resume(): void
  /** SIGKILL, and until it is gone. */
  kill(): Promise<void>
  /** After kill(), empty, on the same port. */
  restart(): Promise<void>
  /** A command of the test's own. */
  send(...args: readonly string[]): Promise<unknown>
  close(): Promise<void>
}

export async function startRedis(options: readonly string[] = []): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'pgstrata-redis-'))
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  let child: ChildProcess | undefined
  let exited: Promise<void> = Promise.resolve()

  const send = async (...args: readonly string[]): Promise<unknown> => {
    const client = createClient({ url, socket: { reconnectStrategy: false } })
    client.on('error', () => undefined)
    await client.connect()
    try {
      return await client.sendCommand([...args])
    } finally {
      client.destroy()
    }
  }
  const restart = async (): Promise<void> => {
    const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'no']
    const started = spawn('redis-server', [...settings, ...options], { stdio: 'ignore' })
    child = started
    exited = new Promise((resolve) => started.once('close', () => resolve()))
    await waitUntil(() => send('PING').catch(() => undefined), { what: 'Redis to answer' })
  }
  const kill = async (): Promise<void> => {
    child?.kill('SIGKILL')
    await exited
  }
  await restart()
  return {
    url,
    port,
    send,
    kill,
    restart,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    close: async () => {
      await kill()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** One for a test file. */
export function useRedis(options: readonly string[] = []): () => TestRedis {
  let redis: TestRedis | undefined
  beforeAll(async () => {
    redis = await startRedis(options)
  })
  afterAll(() => redis?.close())
  return () => {
    if (redis === undefined) throw new Error('Redis is not up yet')
    return redis
  }
}
