// A person has looked at a suspended node, and lets it come back: what was found is over and does not count any more, and the node is
// PENDING until the next poll that it answers well. Works for any node; one that is not suspended keeps its status.

import { sql, type Kysely } from 'kysely'
import type { Database, NodeStatus } from '../database.ts'
import { statusAfter } from './node-status.ts'

export interface Review {
  readonly nodeId: string
  /** Who looked at it. */
  readonly by: string
  readonly at: Date
}

export interface Reviewed {
  readonly status: NodeStatus
  /** Findings that were open. */
  readonly resolved: number
}

/** Undefined: there is no such node. */
export async function reviewNode(db: Kysely<Database>, { nodeId, by, at }: Review): Promise<Reviewed | undefined> {
  return await db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ status: NodeStatus }>`
      update nodes
      set status = ${statusAfter('review', 'nodes.status')}
      where node_id = ${nodeId}
      returning status`.execute(tx)
    const [node] = rows
    if (node === undefined) return undefined
    const reviewed = JSON.stringify({ reviewed: { by, at: at.toISOString() } })
    const findings = await sql<{ was_open: boolean }>`
      update fraud_findings as f
      set evidence = f.evidence || ${reviewed}::jsonb,
        resolved_at = coalesce(f.resolved_at, ${at.toISOString()}::timestamptz)
      where f.node_id = ${nodeId}
        and not f.evidence ? 'reviewed'
      returning f.resolved_at = ${at.toISOString()}::timestamptz as was_open`.execute(tx)
    return { status: node.status, resolved: findings.rows.filter(({ was_open }) => was_open).length }
  })
}
