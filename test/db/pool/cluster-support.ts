// What the tests of Cluster share: servers that exist only by what they say, and what the cluster tells of them.

import { Cluster } from '../../../src/db/pool/cluster/cluster.ts'
import type { Identity } from '../../../src/db/pool/cluster/identity.ts'
import type { NodePool } from '../../../src/db/pool/connections/node-pool.ts'
import type { NodeOptions } from '../../../src/db/pool/options.ts'
import { unknownNode, type NodeStatus, type ServerNode } from '../../../src/db/pool/cluster/server-node.ts'
import type { TimelineChange } from '../../../src/db/pool/cluster/timeline-history.ts'

export const ours = '7000000000000000001'
export const theirs = '7000000000000000002'

/** What was told, and whose connections were given up, since forget(). */
export const heard = {
  renewed: [] as string[],
  statuses: [] as NodeStatus[],
  writers: [] as { readonly from: string; readonly to: string; readonly timeline: number }[],
  changes: [] as TimelineChange[],
}

export function forget(): void {
  for (const told of Object.values(heard)) told.length = 0
}

export function makeNode(name: string): ServerNode {
  const options: Partial<NodeOptions> = {
    name,
    target: `app@${name}:5432/app`,
    routes: new Set(name === 'primary' ? ['write'] : ['read']),
    maxLagMs: 1_000,
    max: 10,
  }
  const pool = { outstanding: 0, renew: () => void heard.renewed.push(name) } as Partial<NodePool>
  return { ...unknownNode(options as NodeOptions, pool as NodePool), named: true, direct: true }
}

export interface Servers {
  readonly cluster: Cluster
  readonly primary: ServerNode
  readonly first: ServerNode
  readonly second: ServerNode
}

export function makeCluster(): Servers {
  const primary = makeNode('primary')
  const first = makeNode('replica-1')
  const second = makeNode('replica-2')
  const cluster = new Cluster([primary, first, second], {
    onNode: (status) => void heard.statuses.push(status),
    onWriter: (change) => void heard.writers.push(change),
    onTimeline: (change) => void heard.changes.push(change),
    onNews: () => undefined,
  })
  return { cluster, primary, first, second }
}

function says(startedAt: string, own: Partial<Identity>): Identity {
  return {
    systemId: ours,
    isReplica: false,
    timeline: 1,
    direct: true,
    versionNum: 180000,
    startedAt,
    sizes: { blockBytes: 8_192, segmentBytes: 16_777_216 },
    replayLsn: undefined,
    ...own,
  }
}

export const asPrimary = (startedAt: string, own: Partial<Identity> = {}): Identity => says(startedAt, own)
export const asReplica = (startedAt: string, own: Partial<Identity> = {}): Identity =>
  says(startedAt, { isReplica: true, replayLsn: 100n, ...own })

export const dead = new Error('connect ECONNREFUSED')

/** A primary and two replicas, all seen. */
export function openCluster(): Servers {
  const servers = makeCluster()
  servers.cluster.noteIdentity(servers.first, asReplica('one'))
  servers.cluster.noteIdentity(servers.second, asReplica('two'))
  servers.cluster.noteIdentity(servers.primary, asPrimary('zero'))
  return servers
}
