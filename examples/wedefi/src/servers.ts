// The replicas that the environment names: one for reads, one for reads and analytics. Where only one is named, it takes what there is.

import { connections, replicaMaxLag } from './routing.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface ReplicaNode {
  readonly url: string
  readonly name: string
  readonly routes: ('read' | 'analytics')[]
  readonly maxLag: string
  readonly pool: { readonly max: number }
}

/** DATABASE_URL_READ and DATABASE_URL_ANALYTICS. */
export function replicasFrom(env: Environment): ReplicaNode[] {
  return replicasOf({ read: env['DATABASE_URL_READ'], analytics: env['DATABASE_URL_ANALYTICS'] })
}

export interface ReplicaUrls {
  readonly read?: string | undefined
  readonly analytics?: string | undefined
}

export function replicasOf({ read, analytics }: ReplicaUrls): ReplicaNode[] {
  const own = { maxLag: replicaMaxLag, pool: { max: connections.replica } }
  const nodes: ReplicaNode[] = []
  if (read !== undefined)
    nodes.push({ ...own, url: read, name: 'read', routes: analytics === undefined ? ['read', 'analytics'] : ['read'] })
  if (analytics !== undefined) nodes.push({ ...own, url: analytics, name: 'analytics', routes: ['read', 'analytics'] })
  return nodes
}
