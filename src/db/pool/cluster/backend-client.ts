// `pool.Client`: a pg.Client that cancels where the backend is. Kysely makes one from the pool's options, which lead to the
// primary, and runs pg_cancel_backend(pid) there; the pid of a replica's backend may be anybody's on the primary.
// Invariant: a pid of one of the pool's own connections is only ever cancelled on the server it belongs to.

import pg from 'pg'
import { StrataError } from '../../../base/errors.ts'
import type { Backends } from './backends.ts'
import type { ServerNode } from './server-node.ts'

type ClientClass = new (config?: string | pg.ClientConfig) => pg.Client
type AnyQuery = (...args: unknown[]) => unknown

export function createBackendClient(base: ClientClass, backends: Backends): ClientClass {
  return class BackendClient extends base {
    override query(...args: unknown[]): never {
      const owner = backendNamed(args, backends)
      if (owner === undefined) return (super.query as AnyQuery)(...args) as never
      const callback = args.find((arg) => typeof arg === 'function') as
        | ((error: Error | null, result?: pg.QueryResult) => void)
        | undefined
      const answer = askOwner(base, owner, args)
      if (callback === undefined) return answer as never
      answer.then(
        (result) => callback(null, result),
        (error: Error) => callback(error),
      )
      return undefined as never
    }
  }
}

/** The node of the pid that a cancelling statement names; undefined where it names none of the pool's. */
function backendNamed(args: readonly unknown[], backends: Backends): ServerNode | undefined {
  const [config, given] = args
  const { text, values } =
    typeof config === 'string'
      ? { text: config, values: given }
      : ((config ?? {}) as { text?: unknown; values?: unknown })
  if (typeof text !== 'string') return undefined
  const match = /\bpg_(?:cancel|terminate)_backend\s*\(\s*(?:\$1|(\d+))/i.exec(text)
  if (match === null) return undefined
  const list = Array.isArray(values) ? values : Array.isArray(given) ? given : []
  const processId = Number(match[1] ?? list[0])
  const nodes = backends.nodesOf(processId)
  if (nodes.length > 1) {
    throw new StrataError('VALUE_INVALID', {
      message: `Process ${processId} is a backend of several nodes (${nodes.map(({ name }) => name).join(', ')}): cancelling it could hit a stranger`,
      advice: 'Bound the query with query_timeout instead: that cancels over the protocol.',
    })
  }
  return nodes[0]
}

async function askOwner(base: ClientClass, owner: ServerNode, args: readonly unknown[]): Promise<pg.QueryResult> {
  const client = new base(owner.options.client)
  client.on('error', () => {})
  await client.connect()
  try {
    const forwarded = args.filter((arg) => typeof arg !== 'function')
    return (await (client.query as AnyQuery)(...forwarded)) as pg.QueryResult
  } finally {
    await client.end()
  }
}
