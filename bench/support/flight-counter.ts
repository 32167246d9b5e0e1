// A TCP proxy before a PostgreSQL server that counts flights: how often a client, to whom the server owes no answer any
// more, sends something. One flight is one round trip, however many messages go with it; what is sent while an answer is
// outstanding belongs to the flight under way. Connecting, and the monitors of a pool, are not counted.

import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface FlightCounter {
  /** The server's URL, by way of the proxy. */
  readonly url: string
  readonly count: () => number
  readonly close: () => Promise<void>
}

export async function countFlights(serverUrl: string): Promise<FlightCounter> {
  const target = new URL(serverUrl)
  const sockets = new Set<Socket>()
  let flights = 0
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    const conversation = createConversation(() => flights++)
    for (const [from, to, hear] of [
      [client, upstream, conversation.fromClient],
      [upstream, client, conversation.fromServer],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      from.on('data', (chunk) => {
        hear(chunk)
        to.write(chunk)
      })
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.end()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: Object.assign(new URL(serverUrl), { hostname: '127.0.0.1', port: String(port) }).href,
    count: () => flights,
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

interface Conversation {
  readonly fromClient: (chunk: Buffer) => void
  readonly fromServer: (chunk: Buffer) => void
}

function createConversation(onFlight: () => void): Conversation {
  const client = createFrames(true)
  const server = createFrames(false)
  // The start-up is owed a ReadyForQuery too.
  let owed = 1
  let inFlight = true
  let isMonitor = false
  return {
    fromClient: (chunk) => {
      if (chunk.includes('pgstrata monitor')) isMonitor = true
      if (!inFlight && !isMonitor) {
        inFlight = true
        onFlight()
      }
      for (const type of client(chunk)) if (type === 'Q' || type === 'S') owed++
    },
    fromServer: (chunk) => {
      for (const type of server(chunk)) if (type === 'Z') owed--
      if (owed === 0) inFlight = false
    },
  }
}

/** Types of the messages that begin in each chunk. The first of a client has no type. */
function createFrames(hasStartup: boolean): (chunk: Buffer) => readonly string[] {
  let rest: Buffer = Buffer.alloc(0)
  let isStartup = hasStartup
  return (chunk) => {
    const types: string[] = []
    let data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const typeLength = isStartup ? 0 : 1
      if (data.length < typeLength + 4) break
      const length = typeLength + data.readInt32BE(typeLength)
      if (data.length < length) break
      if (!isStartup) types.push(String.fromCharCode(data[0] ?? 0))
      isStartup = false
      data = data.subarray(length)
    }
    rest = data
    return types
  }
}
