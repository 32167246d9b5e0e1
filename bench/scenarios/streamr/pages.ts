// A process of many pages that show one stream: each a connection that asks for the topics the app's page asks for, and parses what comes. A
// node's heartbeat is the moment its probe was written; how long ago that was when the event is parsed is a sample.

import { connect, type Socket } from 'node:net'
import { serveParent } from '../../support/child.ts'
import { percentile } from '../../support/open-loop.ts'

export interface PagesInput {
  readonly port: number
  readonly pages: number
  readonly streamId: string
}

export interface Heard {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly events: number
}

const atOnce = 50
/** A process serves so many of one address: pages come from several. */
const perAddress = 100
let samples: number[] = []

function open(path: string, { port, localAddress }: { readonly port: number; readonly localAddress: string }) {
  return new Promise<Socket>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
    let rest = ''
    socket.setEncoding('latin1')
    socket.on('error', reject)
    socket.once('connect', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nhost: bench\r\naccept: text/event-stream\r\n\r\n`),
    )
    socket.on('data', (chunk: string) => {
      if (chunk.startsWith('HTTP/1.1 200')) resolve(socket)
      else if (chunk.startsWith('HTTP/')) reject(new Error(`Expected a stream of events, got ${chunk.slice(0, 40)}`))
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line.startsWith('data: ')) take(line.slice(6))
    })
  })
}

function take(data: string): void {
  const { row } = JSON.parse(data) as { readonly row?: { readonly last_heartbeat?: string } }
  if (row?.last_heartbeat !== undefined) samples.push(Date.now() - Date.parse(row.last_heartbeat))
}

await serveParent<PagesInput>(async ({ port, pages, streamId }) => {
  const topics = [
    { table: 'streams', key: { stream_id: streamId } },
    { table: 'comments', where: { stream_id: streamId } },
    { table: 'nodes', where: { stream_id: streamId } },
    { rollup: 'stream_earnings_hourly', by: { stream_id: streamId } },
    { table: 'payout_runs' },
  ]
  const path = `/live?topics=${encodeURIComponent(JSON.stringify(topics))}`
  const addresses = Array.from({ length: pages }, (_, page) => `127.0.0.${1 + Math.floor(page / perAddress)}`)
  const sockets: Socket[] = []
  for (let index = 0; index < pages; index += atOnce) {
    const batch = addresses.slice(index, index + atOnce)
    sockets.push(...(await Promise.all(batch.map(async (localAddress) => await open(path, { port, localAddress })))))
  }
  return {
    ready: {},
    answer: (question) => {
      if (question === 'forget') samples = []
      return {
        p50Ms: percentile(samples, 0.5),
        p99Ms: percentile(samples, 0.99),
        events: samples.length,
      } satisfies Heard
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      return await Promise.resolve()
    },
  }
})
