// Nodes that have not been heard of for long. Only those of active streams, for nobody listens to the others; and a prober that has
// just begun to listen gives all of them the same time.

import { sql, type Kysely } from 'kysely'
import type { Lease } from 'pgstrata'
import type { Database } from '../database.ts'
import { underLease } from './fenced.ts'
import { changedBy, statusAfter } from './node-status.ts'
import type { ProberSettings } from './settings.ts'

export interface SilenceCall {
  readonly db: Kysely<Database>
  readonly lease: Lease
  readonly settings: Pick<ProberSettings, 'staleAfterMs' | 'offlineAfterMs'>
  readonly nowMs: number
  readonly listeningSinceMs: number
}

/** How many became stale, and offline; undefined: the lease was lost. */
export async function markSilent(call: SilenceCall): Promise<{ stale: number; offline: number } | undefined> {
  const { db, lease, settings } = call
  return await underLease(db, lease, async (tx) => ({
    offline: await mark(tx, 'offline', { ...call, silentMs: settings.offlineAfterMs }),
    stale: await mark(tx, 'stale', { ...call, silentMs: settings.staleAfterMs }),
  }))
}

async function mark(
  tx: Kysely<Database>,
  event: 'stale' | 'offline',
  { nowMs, listeningSinceMs, silentMs }: SilenceCall & { readonly silentMs: number },
): Promise<number> {
  const beforeMs = nowMs - silentMs
  if (listeningSinceMs > beforeMs) return 0
  const { numAffectedRows } = await sql`
    update nodes
    set status = ${statusAfter(event, 'nodes.status')}
    from streams
    where streams.stream_id = nodes.stream_id
      and streams.status = 'ACTIVE'
      and nodes.status = any(${changedBy(event)}::text[])
      and coalesce(nodes.last_heartbeat, nodes.created_at) <= ${new Date(beforeMs).toISOString()}::timestamptz`.execute(
    tx,
  )
  return Number(numAffectedRows ?? 0)
}
