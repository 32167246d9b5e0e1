// A TCP proxy in front of servers: chooses a server for each new connection, counts what the client sends, and can cut.
// A flight is what the client sends between two answers, however many packets that is.

import { createServer, connect, type AddressInfo, type Socket } from 'node:net'

export interface TcpProxy {
  readonly port: number
  /** Changes of direction: how often the client spoke after the server, in all connections. */
  readonly flights: number
  /** Connections made so far. */
  readonly connections: number
  /** Called with what the client sends, before it is passed on; true: it is not passed on, and the connection is cut. */
  cutWhen: ((data: Buffer) => boolean) | undefined
  /** Called with what the client sends; true: it is passed on, and the connection is cut when the server answers. */
  loseAnswerWhen: ((data: Buffer) => boolean) | undefined
  /** Called with what the client sends; what is returned is waited for, and only then is it passed on. */
  holdWhen: ((data: Buffer) => Promise<void> | undefined) | undefined
  /** Nothing is passed on in either direction, and nobody is told: as where a firewall forgot the connections. */
  isSilent: boolean
  close(): Promise<void>
}

/** `choosePort`: of the server for the connection of that number, from 0. */
export async function startTcpProxy(choosePort: (connection: number) => number): Promise<TcpProxy> {
  const sockets = new Set<Socket>()
  const proxy = {
    port: 0,
    flights: 0,
    connections: 0,
    cutWhen: undefined as TcpProxy['cutWhen'],
    loseAnswerWhen: undefined as TcpProxy['loseAnswerWhen'],
    holdWhen: undefined as TcpProxy['holdWhen'],
    isSilent: false,
  }
  const server = createServer((client) => {
    const upstream = connect(choosePort(proxy.connections++), '127.0.0.1')
    let isClientsTurn = true
    let isAnswerLost = false
    const cut = (): void => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', cut)
      socket.on('close', () => {
        sockets.delete(socket)
        // The other side hears nothing of it either.
        if (!proxy.isSilent) cut()
      })
    }
    client.on('data', (data) => {
      if (proxy.cutWhen?.(data) === true) return cut()
      if (proxy.loseAnswerWhen?.(data) === true) isAnswerLost = true
      if (isClientsTurn) proxy.flights++
      isClientsTurn = false
      const held = proxy.holdWhen?.(data)
      if (held !== undefined) void held.then(() => upstream.write(data))
      else if (!proxy.isSilent) upstream.write(data)
    })
    upstream.on('data', (data) => {
      if (isAnswerLost) return cut()
      isClientsTurn = true
      if (!proxy.isSilent) client.write(data)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  proxy.port = (server.address() as AddressInfo).port
  return Object.assign(proxy, {
    close: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  })
}

/** `url`, by way of another port. */
export function throughPort(url: string, port: number): string {
  return Object.assign(new URL(url), { port: String(port) }).href
}
