// What one would write by hand: LISTEN, and for each notification a text for each client that wants it.

import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { serveParent } from '../../support/child.ts'

interface Client {
  readonly response: ServerResponse
  /** undefined: every song. */
  readonly ids: ReadonlySet<number> | undefined
}

interface Song {
  readonly id: number
  readonly plays: string
  readonly at_us: string
}

const topSongs = 'select id, plays from song order by plays desc limit 20'

await serveParent<{ readonly url: string }>(async ({ url }) => {
  const clients = new Set<Client>()
  const watchers = new Set<ServerResponse>()
  const listener = new pg.Client(url)
  const reader = new pg.Client(url)
  await Promise.all([listener.connect(), reader.connect()])
  let isReading = false
  let isDirty = false
  let shown = ''
  const readList = async (): Promise<void> => {
    isDirty = true
    if (isReading || watchers.size === 0) return
    isReading = true
    while (isDirty) {
      isDirty = false
      const { rows } = await reader.query(topSongs)
      const text = JSON.stringify(rows)
      if (text === shown) continue
      shown = text
      for (const response of watchers) response.write(`event: list\ndata: ${JSON.stringify({ rows })}\n\n`)
    }
    isReading = false
  }
  listener.on('notification', ({ payload = '' }) => {
    const row = JSON.parse(payload) as Song
    for (const { response, ids } of clients)
      if (ids === undefined || ids.has(row.id)) response.write(`event: change\ndata: ${JSON.stringify({ row })}\n\n`)
    void readList()
  })
  await listener.query('listen song')
  const server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(':\n\n')
    const asked = new URL(request.url ?? '', 'http://bench').searchParams
    if (asked.has('list')) return void watchers.add(response)
    const ids = asked.get('ids')
    const client = { response, ids: ids === null ? undefined : new Set(ids.split(',').map(Number)) }
    clients.add(client)
    response.on('close', () => clients.delete(client))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4_096, resolve))
  return {
    ready: { port: (server.address() as AddressInfo).port },
    close: async () => {
      server.close()
      server.closeAllConnections()
      await Promise.all([listener.end(), reader.end()])
    },
  }
})
