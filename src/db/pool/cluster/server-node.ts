// One server as the pool sees it: how to reach it, its connections, and what was last found out about it.
// State: everything below `pool` is written by the cluster alone.

import type { Lsn } from '../../lsn.ts'
import type { Identity } from './identity.ts'
import type { NodePool } from '../connections/node-pool.ts'
import type { NodeOptions } from '../options.ts'

export interface ServerNode {
  readonly options: NodeOptions
  readonly name: string
  readonly pool: NodePool
  /**
   * 'unknown': nothing heard yet. 'up': role, cluster and timeline verified since the last trouble. 'down': does not
   * answer. 'refused': answers, and is not what it is said to be (another cluster, the primary once more, a second primary).
   */
  state: 'unknown' | 'up' | 'down' | 'refused'
  /** Whether it answered when it was last asked; undefined: not asked yet. */
  answers: boolean | undefined
  /** What the last attempt to ask it failed with. */
  failure: string
  /** Why it is not 'up', for people. */
  why: string
  identity: Identity | undefined
  /** When the server that was last seen here in recovery was started. */
  seenInRecovery: string | undefined
  /** A replica's replay, the primary's flush position. */
  position: Lsn
  /** When the question of `position` was sent, on our monotonic clock. */
  sampledAtMs: number
  /** At the last sample of the node or of the primary; Infinity: not known. */
  lagMs: number
  /** Whether its statements are prepared by name; found out when the first connection is made. */
  named: boolean
  /** No pooler in between; undefined until a connection was made. */
  direct: boolean | undefined
}

export interface NodeStatus {
  readonly node: string
  readonly target: string
  readonly role: 'primary' | 'replica' | 'unknown'
  readonly state: ServerNode['state']
  readonly why?: string
  readonly routes: readonly string[]
  readonly lagMs: number | null
  readonly position: string | null
  readonly timeline: number | null
}

export function isAnswering(node: ServerNode): boolean {
  return node.answers === true && node.identity !== undefined
}

export function isSameServer(a: ServerNode, b: ServerNode): boolean {
  return a.identity?.startedAt === b.identity?.startedAt && a.identity?.timeline === b.identity?.timeline
}

/**
 * Where the new timeline begins, if it can be known: only of one that follows directly on the last one known, and only of a
 * server that was seen in recovery and has run ever since. After a restart its replay ends elsewhere.
 */
export function branchPoint(node: ServerNode, identity: Identity, from: number): Lsn | undefined {
  if (identity.timeline !== from + 1 || node.seenInRecovery !== identity.startedAt) return undefined
  return identity.replayLsn
}

/** Of which nothing has been heard yet. */
export function unknownNode(options: NodeOptions, pool: NodePool): ServerNode {
  return {
    options,
    name: options.name,
    pool,
    state: 'unknown',
    answers: undefined,
    failure: '',
    why: '',
    identity: undefined,
    seenInRecovery: undefined,
    position: 0n,
    sampledAtMs: Number.NEGATIVE_INFINITY,
    lagMs: Number.POSITIVE_INFINITY,
    named: false,
    direct: undefined,
  }
}
