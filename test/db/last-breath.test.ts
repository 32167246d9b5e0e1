// A server that ends with the last word of the connecting: the next query fails, and the process lives. A Db that ends meanwhile.

import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { waitUntil } from '../support/wait.ts'

const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

function message(kind: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from(kind), length, body])
}

const welcome = Buffer.concat([message('R', Buffer.from([0, 0, 0, 0])), message('Z', Buffer.from('I'))])
const goodbye = message(
  'E',
  Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection due to unexpected postmaster exit\0\0'),
)

/** `greet`: what becomes of somebody who asks to be let in. */
function listen(greet: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => greet(socket))
  })
  servers.push(server)
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      resolve(`postgres://somebody@127.0.0.1:${port}/nowhere?sslmode=disable`)
    })
  })
}

describe('a server that ends as it lets somebody in', () => {
  test('is an error of the query, and of nothing else', async () => {
    const uncaught: unknown[] = []
    const onUncaught = (error: unknown): void => void uncaught.push(error)
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', onUncaught)
    const db = openDb({ url: await listen((socket) => socket.end(Buffer.concat([welcome, goodbye]))) })
    try {
      await expect(db.query(sql`select 1`)).rejects.toMatchObject({
        code: 'DATABASE_UNREACHABLE',
        message: expect.stringContaining('unexpected postmaster exit'),
      })
    } finally {
      await db.close({ now: true })
      process.removeListener('uncaughtException', onUncaught)
      for (const other of others) process.on('uncaughtException', other)
    }
    expect(uncaught).toEqual([])
  })
})

test('a connection that is still being made when a Db is closed now is given to nobody', async () => {
  const waiting: Socket[] = []
  const db = openDb({ url: await listen((socket) => void waiting.push(socket)) })
  let hasBegun = false
  const working = db.withSession(async () => void (hasBegun = true)).catch((error: unknown) => error)
  await waitUntil(() => waiting.length === 1, { what: 'somebody who asks to be let in' })
  const closing = db.close({ now: true })
  waiting[0]?.write(welcome)
  expect(await working).toMatchObject({ code: 'DATABASE_UNREACHABLE' })
  await closing
  expect(hasBegun).toBe(false)
})
