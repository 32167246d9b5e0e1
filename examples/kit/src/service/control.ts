// How commands speak with the keeper of a service: one line of JSON there, one back, over a Unix socket that only its owner can open.

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { KitError } from '../kit-error.ts'

/** A process of the service, as it is to be started. */
export interface ProcessSpec {
  readonly entry: string
  readonly args: readonly string[]
  /** What runs the entry: a program for node that takes it as its first argument. */
  readonly runner: string
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  readonly readyUrl: string
  readonly readyMs: number
  readonly graceMs: number
}

export type Request =
  | { readonly do: 'roll'; readonly spec: ProcessSpec }
  | { readonly do: 'status' }
  | { readonly do: 'stop' }

export interface Status {
  /** Of the keeper. */
  readonly keeper: number
  /** Of the process that serves; null while it is being started again. */
  readonly pid: number | null
  readonly readyUrl: string | null
  /** ISO 8601: since when that one serves. */
  readonly since: string | null
  /** How often it was started again because it had ended by itself. */
  readonly restarts: number
}

export type Reply = { readonly ok: true; readonly status: Status } | { readonly ok: false; readonly message: string }

/** Paths of sockets are limited by the system, to 104 bytes at the least. */
const longestPath = 103
const longestLine = 1_048_576

export interface Places {
  readonly folder: string
  readonly socket: string
  readonly pid: string
  readonly log: string
}

/** Where the files of the service are: below the app's .pgstrata/. */
export function placesOf(folder: string, name: string): Places {
  const inside = join(folder, '.pgstrata')
  const socket = join(inside, `${name}.sock`)
  if (Buffer.byteLength(socket) > longestPath) {
    throw new KitError(`The path of the service's socket: expected at most ${longestPath} bytes, got ${socket}`)
  }
  return { folder: inside, socket, pid: join(inside, `${name}.pid`), log: join(inside, `${name}.log`) }
}

/** undefined: nobody listens there. */
export async function ask(socketPath: string, request: Request): Promise<Reply | undefined> {
  const socket = connect(socketPath)
  try {
    await once(socket, 'connect')
  } catch {
    return undefined
  }
  socket.write(`${JSON.stringify(request)}\n`)
  const line = await readLine(socket)
  socket.end()
  if (line === undefined) return { ok: false, message: 'The keeper of the service ended before it answered' }
  return JSON.parse(line) as Reply
}

/** Takes the socket over from one that is no more; fails where somebody listens. */
export async function listen(socketPath: string, answer: (request: Request) => Promise<Reply>): Promise<Server> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    void exchange(socket, answer)
  })
  server.listen(socketPath)
  await once(server, 'listening')
  return server
}

async function exchange(socket: Socket, answer: (request: Request) => Promise<Reply>): Promise<void> {
  const line = await readLine(socket)
  if (line === undefined) return
  const reply = await answer(JSON.parse(line) as Request)
  if (socket.writable) socket.end(`${JSON.stringify(reply)}\n`)
}

async function readLine(socket: Socket): Promise<string | undefined> {
  let text = ''
  socket.setEncoding('utf8')
  try {
    // The answer goes out on the same socket, so it is not to be destroyed after the line.
    for await (const part of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<string>) {
      text += part
      const end = text.indexOf('\n')
      if (end >= 0) return text.slice(0, end)
      if (text.length > longestLine) return undefined
    }
  } catch {
    return undefined
  }
  return undefined
}
