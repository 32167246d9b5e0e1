// A spot check: whether a node has the stream that it says it carries. It is asked for the digest of a segment together with a nonce
// that nobody has seen before. Undefined: it was called off, and says nothing about the node.

import { randomUUID } from 'node:crypto'
import { judge } from './fraud/judge.ts'
import type { CheckedAnswer } from './fraud/rule.ts'
import type { Observation } from './observation.ts'
import { failed, noteRules, type ProbeCall } from './probe.ts'
import { parseSegment } from './response.ts'
import { keptSegments, newestSegment, segmentDigest, type SegmentQuestion } from './segment.ts'

const type = 'spot_check'

export async function spotCheck(call: ProbeCall, random: () => number): Promise<Observation | undefined> {
  const { target, memory, fetcher, clock, signal } = call
  const atMs = clock.now()
  memory.checkedMs = atMs
  // The oldest of them may be gone when the question arrives.
  const segment = newestSegment(atMs) - Math.floor(random() * (keptSegments / 2))
  const question = { streamId: target.streamId, segment, nonce: randomUUID() }
  const url = segmentUrl(target.statsUrl, question)
  if (url === undefined) return failed(call, { type, atMs, error: 'the address is not a URL' })
  const fetched = await fetcher.get(url, signal)
  if ('abandoned' in fetched) return undefined
  if ('failure' in fetched) return failed(call, { type, atMs, error: fetched.failure })
  const parsed = parseSegment(fetched.body)
  if ('problem' in parsed) return failed(call, { type, atMs, error: parsed.problem })
  const answer = parsed.value
  const isOurs = answer.nonce === question.nonce
  const isContent = answer.digest === segmentDigest(question)
  return assess(call, { type, nodeId: target.nodeId, atMs, answer, isOurs, isContent }, segment)
}

/** /n/7/stats → /n/7/segment?stream=…&segment=…&nonce=… */
function segmentUrl(statsUrl: string, { streamId, segment, nonce }: SegmentQuestion): string | undefined {
  if (!URL.canParse('segment', statsUrl)) return undefined
  const url = new URL('segment', statsUrl)
  url.search = new URLSearchParams({ stream: streamId, segment: String(segment), nonce }).toString()
  return url.href
}

function assess({ target, memory, settings }: ProbeCall, checked: CheckedAnswer, segment: number): Observation {
  const judgement = judge(checked, memory, settings)
  const { found } = judgement
  const isRefused = found.some(({ rule }) => rule === 'impossible' || rule === 'replay')
  if (!isRefused) memory.check = checked
  const failure = judgement.failure ?? (checked.isContent ? undefined : 'the digest of the segment is wrong')
  return {
    streamId: target.streamId,
    nodeId: target.nodeId,
    atMs: checked.atMs,
    result: { type, success: failure === undefined, data: describeCheck(checked, segment), error: failure ?? null },
    heartbeat: undefined,
    found,
    cleared: noteRules(memory, judgement),
  }
}

function describeCheck({ answer, isOurs, isContent }: CheckedAnswer, segment: number): string {
  const { uptimeS, viewers, bytesSent } = answer
  return JSON.stringify({
    segment,
    ours: isOurs,
    content: isContent,
    uptime_s: uptimeS,
    viewers,
    bytes_sent: bytesSent,
  })
}

/** What describeCheck wrote, as the next prober reads it; undefined: it is not one of those, or was not an answer to us. */
export function restoreCheck(nodeId: string, atMs: number, data: unknown): CheckedAnswer | undefined {
  const fields = (typeof data === 'object' && data !== null ? data : {}) as Readonly<Record<string, unknown>>
  const parsed = parseSegment(Buffer.from(JSON.stringify({ ...fields, nonce: 'kept', digest: 'kept' })))
  if ('problem' in parsed || fields['ours'] !== true) return undefined
  const isContent = fields['content'] === true
  return { type, nodeId, atMs, answer: parsed.value, isOurs: true, isContent }
}
