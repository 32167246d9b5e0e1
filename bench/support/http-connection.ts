// One connection of HTTP/1.1 that is kept, as cheap as it can be made: what the load costs is taken from the service on the same cores.
// One request at a time; answers have a content-length, as those of an API do.

import { connect, type Socket } from 'node:net'

export interface HttpConnection {
  /** The status of the answer, when all of it is there. Rejects when the connection ends; then it is of no more use. */
  send(request: string): Promise<number>
  close(): void
}

interface Waiting {
  readonly resolve: (status: number) => void
  readonly reject: (error: Error) => void
}

const headEnd = '\r\n\r\n'

export async function openConnection(port: number): Promise<HttpConnection> {
  const socket = await openSocket(port)
  let waiting: Waiting | undefined
  const read = createReader((status) => {
    const { resolve } = waiting ?? {}
    waiting = undefined
    resolve?.(status)
  })
  const fail = (error: Error): void => {
    waiting?.reject(error)
    waiting = undefined
    socket.destroy()
  }
  socket.on('data', (chunk: Buffer) => {
    try {
      read(chunk)
    } catch (error) {
      fail(error as Error)
    }
  })
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('The service closed the connection')))
  return {
    send: async (request) =>
      await new Promise((resolve, reject) => {
        if (socket.destroyed) return reject(new Error('The connection is closed'))
        waiting = { resolve, reject }
        socket.write(request)
      }),
    close: () => socket.destroy(),
  }
}

function openSocket(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

/** Bytes of a body are counted, not read. */
function createReader(onAnswer: (status: number) => void): (chunk: Buffer) => void {
  let head = ''
  let status = 0
  let left = 0
  let isBody = false
  return (chunk) => {
    let bytes = chunk.length
    if (!isBody) {
      head += chunk.toString('latin1')
      const end = head.indexOf(headEnd)
      if (end < 0) return
      status = Number(head.slice(9, 12))
      left = bodyLength(head.slice(0, end), status)
      bytes = head.length - end - headEnd.length
      isBody = true
    }
    left -= bytes
    if (left > 0) return
    head = ''
    isBody = false
    onAnswer(status)
  }
}

function bodyLength(head: string, status: number): number {
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? []
  if (length !== undefined) return Number(length)
  if (status === 204 || status === 304) return 0
  throw new Error(`Expected an answer with a content-length, got one of status ${status} without`)
}
