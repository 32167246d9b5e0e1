// A Redis of the bench's own, on a free port, with nothing of it kept.

import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import type { RedisClientType } from 'redis'
import { freePort } from './free-port.ts'

// By require, before anybody imports it: jiti's hooks, which the bench runs under, rewrite CommonJS that has a dynamic import into a
// module that cannot be required (jiti 2.7). What is loaded already is imported as it is.
const { createClient } = createRequire(import.meta.url)('redis') as {
  readonly createClient: (options: object) => RedisClientType
}

export interface RedisServer {
  readonly url: string
  readonly port: number
  send(...args: readonly string[]): Promise<unknown>
  close(): Promise<void>
}

const startTimeoutMs = 5_000

export async function startRedisServer(): Promise<RedisServer> {
  const port = await freePort()
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const child = spawn('redis-server', settings, { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const failed = new Promise<never>((_, reject) => {
    child.once('error', () => reject(new Error('redis-server is not installed here: apt-get install redis-server')))
  })
  const url = `redis://127.0.0.1:${port}`
  const client = createClient({ url, socket: { reconnectStrategy: () => 20 } })
  client.on('error', () => undefined)
  const late = AbortSignal.timeout(startTimeoutMs)
  const timeout = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () => reject(new Error(`Redis does not answer within ${startTimeoutMs} ms`)))
  })
  await Promise.race([client.connect(), failed, timeout])
  return {
    url,
    port,
    send: async (...args) => await client.sendCommand([...args]),
    close: async () => {
      client.destroy()
      child.kill()
      await ended
    },
  }
}
