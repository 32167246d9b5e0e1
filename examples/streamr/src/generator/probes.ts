// What was measured: polls and spot checks of every node whose stream was on air, in the order of time.
//
// Promises: the same seed, fleet and span give the same rows, whichever spans are made besides. No row is after `now`, before its node was
// there, or outside of its span.

import { createRandom, type CopyRow, type Random } from 'pgstrata-example-kit'
import type { FleetNode, FleetStream } from './fleet.ts'
import type { Sizes } from './sizes.ts'

export const probeColumns: readonly string[] = [
  'stream_id',
  'node_id',
  'probe_type',
  'success',
  'response_data',
  'error_message',
  'probe_timestamp',
]

export interface ProbeOptions {
  readonly fleet: readonly FleetStream[]
  readonly sizes: Sizes
  readonly seed: number
  readonly now: Date
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const pollErrors = ['timeout after 5 s', 'HTTP 503', 'connection refused', 'connection reset']
const checkErrors = ['digest of another segment', 'no answer to the nonce', 'timeout after 5 s']

/** A time whose rows are copied at once: a day, or an hour where every stream is on air. */
export interface Span {
  readonly from: number
  readonly until: number
}

/** All that have probes, the oldest first. */
export function spansOf({ now, sizes }: ProbeOptions): readonly Span[] {
  const today = Math.floor(now.getTime() / dayMs) * dayMs
  const spans: Span[] = []
  let from = today - (sizes.days - 1) * dayMs
  while (from < now.getTime()) {
    const isDense = from + dayMs > denseFrom({ now, sizes })
    const until = from + (isDense ? hourMs : dayMs)
    spans.push({ from, until })
    from = until
  }
  return spans
}

/** About how many rows there will be: for a progress bar. */
export function estimateRows(options: ProbeOptions): number {
  const { now, sizes } = options
  let hours = 0
  for (const { from, until } of spansOf(options)) {
    for (let at = from; at < Math.min(until, now.getTime()); at += hourMs) {
      for (const { nodes } of options.fleet.filter((stream) => isOnAir(stream, at, options)))
        hours += nodes.filter(({ createdAt }) => createdAt.getTime() < at).length
    }
  }
  return Math.round(hours * (sizes.pollsPerHour + sizes.spotCheckShare))
}

export function* probesOf(options: ProbeOptions, { from, until }: Span): Generator<CopyRow> {
  const random = createRandom(options.seed ^ Math.floor(from / hourMs))
  for (let at = from; at < until; at += hourMs) {
    const onAir = options.fleet.filter((stream) => isOnAir(stream, at, options))
    if (onAir.length > 0) yield* probesOfHour(options, { at, onAir, random })
  }
}

interface Hour {
  readonly at: number
  readonly onAir: readonly FleetStream[]
  readonly random: Random
}

function* probesOfHour({ sizes, now }: ProbeOptions, { at, onAir, random }: Hour): Generator<CopyRow> {
  const stepMs = Math.floor(hourMs / sizes.pollsPerHour)
  for (let step = 0; step < sizes.pollsPerHour; step++) {
    for (const [index, stream] of onAir.entries()) {
      // One stream after the other, the next some milliseconds later: nearly the order in which a prober would write them.
      const moment = at + step * stepMs + Math.floor((index * stepMs) / onAir.length)
      if (moment >= now.getTime()) return
      const timestamp = new Date(moment).toISOString()
      for (const node of stream.nodes) {
        if (node.createdAt.getTime() >= moment) continue
        yield pollOf(node, timestamp, random)
        if (random.next() * sizes.pollsPerHour < sizes.spotCheckShare) yield spotCheckOf(node, timestamp, random)
      }
    }
  }
}

function isOnAir({ nodes, onAirAt }: FleetStream, at: number, options: ProbeOptions): boolean {
  if (nodes.length === 0) return false
  const hour = (at % dayMs) / hourMs
  return at >= denseFrom(options) || (hour - onAirAt + 24) % 24 < options.sizes.hoursOnAir
}

/** The beginning of an hour. */
function denseFrom({ now, sizes }: Pick<ProbeOptions, 'now' | 'sizes'>): number {
  return Math.floor(now.getTime() / hourMs) * hourMs - sizes.denseHours * hourMs
}

function pollOf(node: FleetNode, timestamp: string, random: Random): CopyRow {
  const success = random.next() < node.reliability
  return [
    node.streamId,
    node.nodeId,
    'stats_poll',
    success,
    success ? `{"viewers":${random.int(9)},"kbps":${2500 + random.int(3000)}}` : null,
    success ? null : random.pick(pollErrors),
    timestamp,
  ]
}

function spotCheckOf(node: FleetNode, timestamp: string, random: Random): CopyRow {
  const success = random.next() < node.honesty
  return [node.streamId, node.nodeId, 'spot_check', success, null, success ? null : random.pick(checkErrors), timestamp]
}
