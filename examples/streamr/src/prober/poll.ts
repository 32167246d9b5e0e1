// A stats poll: how a node says it is. Undefined: it was called off, and says nothing about the node.

import { createHash } from 'node:crypto'
import { judge } from './fraud/judge.ts'
import type { PolledAnswer } from './fraud/rule.ts'
import type { Observation } from './observation.ts'
import { failed, noteRules, type ProbeCall } from './probe.ts'
import { parseStats } from './response.ts'

const type = 'stats_poll'

export async function poll(call: ProbeCall): Promise<Observation | undefined> {
  const { target, memory, fetcher, clock, signal } = call
  const atMs = clock.now()
  memory.polledMs = atMs
  const fetched = await fetcher.get(target.statsUrl, signal)
  if ('abandoned' in fetched) return undefined
  if ('failure' in fetched) return failed(call, { type, atMs, error: fetched.failure })
  const parsed = parseStats(fetched.body)
  if ('problem' in parsed) return failed(call, { type, atMs, error: parsed.problem })
  const digest = createHash('sha256').update(fetched.body).digest('hex').slice(0, 32)
  return assess(call, { type, nodeId: target.nodeId, atMs, stats: parsed.value, digest })
}

function assess({ target, memory, settings }: ProbeCall, polled: PolledAnswer): Observation {
  const { atMs, stats } = polled
  const judgement = judge(polled, memory, settings)
  const { failure, found } = judgement
  if (failure === undefined) memory.poll = polled
  const ageMs = atMs - stats.heartbeatMs
  return {
    streamId: target.streamId,
    nodeId: target.nodeId,
    atMs,
    result: { type, success: failure === undefined, data: describePoll(polled), error: failure ?? null },
    heartbeat:
      failure === undefined
        ? { atMs: Math.min(atMs, stats.heartbeatMs), isFresh: ageMs <= settings.staleAfterMs }
        : undefined,
    found,
    cleared: noteRules(memory, judgement),
  }
}

function describePoll({ stats, digest }: PolledAnswer): string {
  return JSON.stringify({
    sequence: stats.sequence,
    timestamp: toTime(stats.timestampMs),
    heartbeat_at: toTime(stats.heartbeatMs),
    uptime_s: stats.uptimeS,
    viewers: stats.viewers,
    bytes_sent: stats.bytesSent,
    digest,
  })
}

function toTime(atMs: number): string {
  return new Date(atMs).toISOString()
}

/** What describePoll wrote, as the next prober reads it; undefined: it is not one of those. */
export function restorePoll(nodeId: string, atMs: number, data: unknown): PolledAnswer | undefined {
  const fields = (typeof data === 'object' && data !== null ? data : {}) as Readonly<Record<string, unknown>>
  const parsed = parseStats(Buffer.from(JSON.stringify({ ...fields, node_id: nodeId })))
  const digest = fields['digest']
  if ('problem' in parsed || typeof digest !== 'string') return undefined
  return { type, nodeId, atMs, stats: parsed.value, digest }
}
