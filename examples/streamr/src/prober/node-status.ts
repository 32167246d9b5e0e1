// What a node is, and what becomes of it: one total table, which the compiler holds complete, in TypeScript and as SQL.
//
// Invariant: a status is only ever changed by an UPDATE that reads the row's own status through this table, so that two writers cannot
// carry out a transition that is not in it.

import { sql, type RawBuilder } from 'kysely'
import type { NodeStatus } from '../database.ts'

/**
 * heartbeat: the node was heard of, and lately. stale, offline: nothing was heard for so long. suspend: too much was found against it.
 * review: a person has looked at that.
 */
export type NodeEvent = 'heartbeat' | 'stale' | 'offline' | 'suspend' | 'review'

/** A suspended node comes back as one that has yet to be heard of. One that was never heard of is neither stale nor offline. */
export const transitions: Readonly<Record<NodeStatus, Readonly<Record<NodeEvent, NodeStatus>>>> = {
  PENDING: { heartbeat: 'ACTIVE', stale: 'PENDING', offline: 'PENDING', suspend: 'SUSPENDED', review: 'PENDING' },
  ACTIVE: { heartbeat: 'ACTIVE', stale: 'STALE', offline: 'OFFLINE', suspend: 'SUSPENDED', review: 'ACTIVE' },
  STALE: { heartbeat: 'ACTIVE', stale: 'STALE', offline: 'OFFLINE', suspend: 'SUSPENDED', review: 'STALE' },
  OFFLINE: { heartbeat: 'ACTIVE', stale: 'OFFLINE', offline: 'OFFLINE', suspend: 'SUSPENDED', review: 'OFFLINE' },
  SUSPENDED: {
    heartbeat: 'SUSPENDED',
    stale: 'SUSPENDED',
    offline: 'SUSPENDED',
    suspend: 'SUSPENDED',
    review: 'PENDING',
  },
}

export const statuses = Object.keys(transitions) as readonly NodeStatus[]

/** Those that the event changes. */
export function changedBy(event: NodeEvent): readonly NodeStatus[] {
  return statuses.filter((status) => transitions[status][event] !== status)
}

/** What becomes of `column` (`nodes.status`, as the statement calls it) by the event. */
export function statusAfter(event: NodeEvent, column: string): RawBuilder<NodeStatus> {
  const cases = changedBy(event).map((from) => sql`when ${sql.lit(from)} then ${sql.lit(transitions[from][event])}`)
  return sql`case ${sql.ref(column)} ${sql.join(cases, sql` `)} else ${sql.ref(column)} end`
}
