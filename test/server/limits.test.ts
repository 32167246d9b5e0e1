// What a connection may do: its bounds, and what is answered at each of them.

import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { waitUntil } from '../support/wait.ts'
import { bearer, guarded, manageToken, serve } from './support.ts'

interface Wire {
  readonly socket: Socket
  readonly text: () => string
  readonly closed: () => boolean
  send(text: string): void
}

function open(port: number): Wire {
  const socket = connect(port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let text = ''
  let closed = false
  socket.on('error', () => undefined)
  socket.on('close', () => (closed = true))
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
  return { socket, text: () => text, closed: () => closed, send: (data) => void socket.write(data, 'latin1') }
}

const statusesIn = (text: string): readonly number[] =>
  [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status))

async function exchange(port: number, data: string): Promise<string> {
  const wire = open(port)
  wire.send(data)
  await waitUntil(() => wire.closed(), { what: 'the end of the connection' })
  return wire.text()
}

test.each([
  ['a line that is none', 'hello\r\n\r\n', 400, 'HTTP_MALFORMED'],
  ['a header without a colon', 'GET / HTTP/1.1\r\nhost: a\r\nbroken\r\n\r\n', 400, 'HTTP_MALFORMED'],
  [
    'two lengths',
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx',
    400,
    'HTTP_MALFORMED',
  ],
  [
    'a length and chunks',
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
    400,
    'HTTP_MALFORMED',
  ],
  [
    'headers that are too large',
    `GET / HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`,
    431,
    'HTTP_HEADERS_TOO_LARGE',
  ],
  [
    'a URL that is too long',
    `GET /health?${'x'.repeat(9_000)} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`,
    414,
    'HTTP_URL_TOO_LONG',
  ],
  [
    'a URL that cannot be read',
    'GET /api/jobs/%zz/history HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
    400,
    'HTTP_MALFORMED',
  ],
])('%s', async (_, data, status, code) => {
  const { port } = await serve()
  const text = await exchange(port, data)
  expect(statusesIn(text)).toEqual([status])
  expect(text).toContain('content-type: application/json')
  expect(JSON.parse(text.slice(text.indexOf('{')))).toMatchObject({ error: { code } })
})

test('requests that follow each other without waiting are answered in their order', async () => {
  const { port } = await serve()
  const paths = ['/health/live', '/nothing', '/health/ready', '/openapi.json']
  const requests = paths.map(
    (path, index) =>
      `GET ${path} HTTP/1.1\r\nhost: localhost\r\n${index === paths.length - 1 ? 'connection: close\r\n' : ''}\r\n`,
  )
  expect(statusesIn(await exchange(port, requests.join('')))).toEqual([200, 404, 200, 200])
})

test('a request that does not arrive in time is answered, and its connection closed; others are served meanwhile', async () => {
  const { port, url } = await serve({ requestTimeoutMs: 300 })
  const slow = [
    'GET /health HTTP/1.1\r\nhost: a\r\nx:',
    'POST /database/optimize HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{',
  ].map((beginning) => {
    const wire = open(port)
    wire.send(beginning)
    return wire
  })
  expect((await fetch(`${url}/health`)).status).toBe(200)
  await waitUntil(() => slow.every((wire) => wire.closed()), { what: 'both are put out' })
  // The second is refused at once, for it is not admitted; what it did not send is not waited for.
  expect(slow.map((wire) => statusesIn(wire.text())[0])).toEqual([408, 403])
})

test('a body that does not arrive is not waited for longer than a request may take', async () => {
  const { port } = await serve({ requestTimeoutMs: 300, tokens: guarded })
  const wire = open(port)
  const { authorization = '' } = bearer(manageToken)
  wire.send(
    `POST /database/optimize HTTP/1.1\r\nhost: a\r\nauthorization: ${authorization}\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{`,
  )
  await waitUntil(() => wire.closed(), { what: 'it is put out' })
  expect(statusesIn(wire.text())).toEqual([408])
})

test('there are at most as many connections as configured', async () => {
  const { port } = await serve({ connections: 2 })
  const kept = [open(port), open(port)]
  for (const wire of kept) wire.send('GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n')
  await waitUntil(() => kept.every((wire) => wire.text().includes('200 OK')), { what: 'both are answered' })
  const third = open(port)
  await waitUntil(() => third.closed(), { what: 'the third is turned away' })
  kept[0]?.socket.destroy()
  await waitUntil(
    async () => (await fetch(`http://127.0.0.1:${port}/health/live`).catch(() => undefined))?.status === 200,
    { what: 'there is room again' },
  )
})
