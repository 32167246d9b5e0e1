// The way to change how nodes behave while they run, for a page and for curl. Only on the loopback, as the nodes are.
//
//   GET  /control/nodes               how many behave how, and those that are not honest (at most 1,000)
//   GET  /control/nodes/<node>        one
//   PUT  /control/nodes/<node>        {"kind":"lying","factor":4}

import type { IncomingMessage, ServerResponse } from 'node:http'
import { parseBehaviour } from './behaviour.ts'
import { decode } from './decode.ts'
import type { SimulatedNode } from './node.ts'

export interface ControlCall {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  readonly nodes: ReadonlyMap<string, SimulatedNode>
  readonly find: (nodeId: string) => SimulatedNode
}

const mostShown = 1_000
const mostBytes = 4_096

export async function control(call: ControlCall): Promise<void> {
  const { request, response, url, find } = call
  const [, encoded] = /^\/control\/nodes\/([^/]+)$/.exec(url.pathname) ?? []
  const nodeId = encoded === undefined ? undefined : decode(encoded)
  try {
    if (request.method === 'GET' && url.pathname === '/control/nodes') return send(response, 200, describeAll(call))
    if (request.method === 'GET' && nodeId !== undefined) return send(response, 200, describe(nodeId, find(nodeId)))
    if (request.method !== 'PUT' || nodeId === undefined)
      return send(response, 404, { error: 'Expected /n/<node>/stats, /n/<node>/segment or /control/nodes' })
    const behaviour = parseBehaviour(await readJson(request))
    if (typeof behaviour === 'string') return send(response, 400, { error: behaviour })
    find(nodeId).behave(behaviour)
    send(response, 200, describe(nodeId, find(nodeId)))
  } catch (error) {
    if (!response.headersSent)
      send(response, 400, { error: error instanceof RangeError ? error.message : 'Bad request' })
  }
}

function describe(nodeId: string, { behaviour, asked }: SimulatedNode): Record<string, unknown> {
  return { nodeId, behaviour, asked }
}

function describeAll({ nodes }: ControlCall): Record<string, unknown> {
  const counts: Record<string, number> = {}
  for (const { behaviour } of nodes.values()) counts[behaviour.kind] = (counts[behaviour.kind] ?? 0) + 1
  const others = [...nodes].filter(([, { behaviour }]) => behaviour.kind !== 'honest').slice(0, mostShown)
  return { counts, nodes: others.map(([nodeId, node]) => describe(nodeId, node)) }
}

/** Undefined: it is not JSON. */
async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBytes) throw new RangeError(`Expected at most ${mostBytes} bytes, got more`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    return undefined
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
