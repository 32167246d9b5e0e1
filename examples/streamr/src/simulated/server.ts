// Many simulated nodes behind one HTTP server on the loopback: /n/<node>/stats and /n/<node>/segment. Any node that is asked is
// there; how it behaves follows from the seed until somebody says otherwise.
//
// Promises: the same seed and clock give the same answers; `close` ends every connection, also those that hang.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock, type Clock } from 'pgstrata'
import { fraction } from '../prober/slots.ts'
import { usualBehaviour, type Behaviour } from './behaviour.ts'
import { control } from './control.ts'
import { decode } from './decode.ts'
import { SimulatedNode, type Reply } from './node.ts'

export interface SimulatedNodesOptions {
  /** 0: any that is free. */
  readonly port: number
  readonly seed: string
  readonly clock?: Clock
  /** How a node behaves of which nothing was said. Default: mostly honest. */
  readonly usual?: (nodeId: string) => Behaviour
  /** Called when a request has arrived, before it is answered. */
  readonly onRequest?: (request: { readonly nodeId: string; readonly what: 'stats' | 'segment' }) => void
}

export interface SimulatedNodes {
  /** 'http://127.0.0.1:4070' */
  readonly url: string
  statsUrl(nodeId: string): string
  node(nodeId: string): SimulatedNode
  /** Those that were asked, or spoken of. */
  readonly nodeIds: readonly string[]
  close(): Promise<void>
}

/** Nobody simulates more in one process. */
const mostNodes = 100_000

export async function openSimulatedNodes(options: SimulatedNodesOptions): Promise<SimulatedNodes> {
  const { port, seed, clock = systemClock } = options
  const { usual = (nodeId) => usualBehaviour(fraction(`${seed} behaves ${nodeId}`)) } = options
  const nodes = new Map<string, SimulatedNode>()
  const find = (nodeId: string): SimulatedNode => {
    const known = nodes.get(nodeId)
    if (known !== undefined) return known
    if (nodes.size >= mostNodes) throw new RangeError(`Expected at most ${mostNodes} simulated nodes, got one more`)
    const fresh = new SimulatedNode({ nodeId, seed, behaviour: usual(nodeId), clock })
    nodes.set(nodeId, fresh)
    return fresh
  }
  const ends = new Set<() => void>()
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://nodes')
    const reply = answer(url, find, options)
    if (reply === undefined) void control({ request, response, url, nodes, find })
    else give(reply, request, response, { clock, ends })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    statsUrl: (nodeId) => `${url}/n/${encodeURIComponent(nodeId)}/stats`,
    node: find,
    get nodeIds() {
      return [...nodes.keys()]
    },
    close: async () => {
      for (const end of ends) end()
      await new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      })
    },
  }
}

/** Undefined: it is no request to a node. */
function answer(
  { pathname, searchParams }: URL,
  find: (nodeId: string) => SimulatedNode,
  { onRequest }: SimulatedNodesOptions,
): Reply | undefined {
  const [, encoded, what] = /^\/n\/([^/]+)\/(stats|segment)$/.exec(pathname) ?? []
  const nodeId = encoded === undefined ? undefined : decode(encoded)
  if (nodeId === undefined || (what !== 'stats' && what !== 'segment')) return undefined
  onRequest?.({ nodeId, what })
  const node = find(nodeId)
  if (what === 'stats') return node.stats()
  return node.segment({
    streamId: searchParams.get('stream') ?? '',
    segment: Number(searchParams.get('segment')),
    nonce: searchParams.get('nonce') ?? '',
  })
}

interface Giving {
  readonly clock: Clock
  /** What calls off answers that are still to come. */
  readonly ends: Set<() => void>
}

function give(reply: Reply, request: IncomingMessage, response: ServerResponse, { clock, ends }: Giving): void {
  if ('none' in reply) {
    if (reply.none === 'refuses') request.socket.destroy()
    return
  }
  const send = (): void => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(reply.body)
  }
  if (reply.delayMs === 0) return send()
  const end = clock.after(reply.delayMs, () => {
    ends.delete(end)
    send()
  })
  ends.add(end)
  response.once('close', () => {
    ends.delete(end)
    end()
  })
}
