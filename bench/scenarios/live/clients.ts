// A process of many clients: each a socket that asks for a stream of events and parses what comes, as cheaply as it can be done. An
// event of a row tells when its change was sent to be committed; how long that was ago when it is parsed is a sample.

import { connect, type Socket } from 'node:net'
import { nowUs, serveParent } from '../../support/child.ts'
import { percentile } from '../../support/open-loop.ts'

export interface ClientsInput {
  readonly port: number
  /** One client each. */
  readonly paths: readonly string[]
}

export interface Heard {
  readonly p50Ms: number
  readonly p99Ms: number
  /** Of rows; and of lists, which say nothing of when. */
  readonly events: number
  readonly lists: number
}

const atOnce = 50
let samples: number[] = []
let lists = 0

/** Resolves when its stream has begun. */
function open(port: number, path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let rest = ''
    socket.setEncoding('latin1')
    socket.on('error', reject)
    socket.once('connect', () =>
      socket.write(`GET ${path} HTTP/1.1\r\nhost: bench\r\naccept: text/event-stream\r\n\r\n`),
    )
    socket.on('data', (chunk: string) => {
      resolve(socket)
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line.startsWith('data: ')) take(line.slice(6))
    })
  })
}

function take(data: string): void {
  const { row, rows } = JSON.parse(data) as { readonly row?: { readonly at_us: string }; readonly rows?: unknown }
  if (row !== undefined) samples.push((nowUs() - Number(row.at_us)) / 1_000)
  else if (rows !== undefined) lists++
}

await serveParent<ClientsInput>(async ({ port, paths }) => {
  const sockets: Socket[] = []
  for (let index = 0; index < paths.length; index += atOnce)
    sockets.push(...(await Promise.all(paths.slice(index, index + atOnce).map((path) => open(port, path)))))
  return {
    ready: {},
    answer: (question) => {
      const heard: Heard = {
        p50Ms: percentile(samples, 0.5),
        p99Ms: percentile(samples, 0.99),
        events: samples.length,
        lists,
      }
      samples = []
      lists = 0
      return question === 'heard' ? heard : {}
    },
    close: () => {
      for (const socket of sockets) socket.destroy()
      return Promise.resolve()
    },
  }
})
