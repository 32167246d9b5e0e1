// Whom to ask: the nodes of active streams that are not suspended, and, for whoever takes over, what the prober before knew of them.

import { sql, type Kysely } from 'kysely'
import type { Database, ProbeType } from '../database.ts'
import { ruleNames, type RuleName } from './fraud/rule.ts'
import { restorePoll } from './poll.ts'
import { restoreCheck } from './spot-check.ts'
import { createMemory, type Memory, type Target } from './target.ts'

export async function readTargets(db: Kysely<Database>): Promise<readonly Target[]> {
  const { rows } = await sql<{ node_id: string; stream_id: string; stats_url: string; site: string | null }>`
    select n.node_id, n.stream_id, n.stats_url,
      case family(n.address)
        when 6 then host(network(set_masklen(n.address, 64)))
        else host(n.address)
      end as site
    from nodes as n
    join streams as s on s.stream_id = n.stream_id
    where s.status = 'ACTIVE'
      and n.status <> 'SUSPENDED'`.execute(db)
  return rows.map((row) => ({ nodeId: row.node_id, streamId: row.stream_id, statsUrl: row.stats_url, site: row.site }))
}

interface KeptProbe {
  readonly node_id: string
  readonly probe_type: ProbeType
  readonly asked_ms: number
  readonly answered_ms: number | null
  readonly response_data: unknown
}

/** From results since `sinceMs`, in one statement: when each node was asked last, and the last answer of it that counts. */
export async function restoreMemories(db: Kysely<Database>, sinceMs: number): Promise<Map<string, Memory>> {
  const { rows } = await sql<KeptProbe>`
    select p.node_id, p.probe_type,
      extract(epoch from max(p.probe_timestamp))::float8 * 1000 as asked_ms,
      extract(epoch from max(p.probe_timestamp) filter (where p.counts))::float8 * 1000 as answered_ms,
      (array_agg(p.response_data order by p.probe_timestamp desc) filter (where p.counts))[1] as response_data
    from (
      select node_id, probe_type, probe_timestamp, response_data,
        case probe_type
          when 'stats_poll' then success
          else response_data ->> 'ours' = 'true' and coalesce(error_message, '') not like 'impossible:%'
        end as counts
      from probe_results
      where probe_timestamp >= ${new Date(sinceMs).toISOString()}::timestamptz
    ) as p
    group by p.node_id, p.probe_type`.execute(db)
  const memories = new Map<string, Memory>()
  for (const row of rows) remember(memoryOf(memories, row.node_id), row)
  for (const { node_id, rule } of await readOpen(db)) memoryOf(memories, node_id).open.add(rule)
  return memories
}

function remember(memory: Memory, { node_id: nodeId, probe_type, response_data, ...row }: KeptProbe): void {
  const askedMs = Math.round(row.asked_ms)
  const answeredMs = Math.round(row.answered_ms ?? 0)
  if (probe_type === 'stats_poll') {
    memory.polledMs = askedMs
    memory.poll = restorePoll(nodeId, answeredMs, response_data)
  } else {
    memory.checkedMs = askedMs
    memory.check = restoreCheck(nodeId, answeredMs, response_data)
  }
}

async function readOpen(db: Kysely<Database>): Promise<readonly { node_id: string; rule: RuleName }[]> {
  const open = await db
    .selectFrom('fraud_findings')
    .select(['node_id', 'rule'])
    .where('resolved_at', 'is', null)
    .execute()
  return open.flatMap(({ node_id, rule }) =>
    ruleNames.filter((name) => name === rule).map((rule) => ({ node_id, rule })),
  )
}

export function memoryOf(memories: Map<string, Memory>, nodeId: string): Memory {
  const known = memories.get(nodeId)
  if (known !== undefined) return known
  const fresh = createMemory()
  memories.set(nodeId, fresh)
  return fresh
}
