// What clients told while they were in sessions: events of each meeting, in the order in which the meetings came.
//
// Promises: the same meetings and seed give the same events, whichever part of the meetings is asked for. No event is after `now`, and none is
// of a kind that the service would refuse.

import { createRandom, type CopyRow, type Random } from 'pgstrata-example-kit'
import type { TelemetryKind } from '../telemetry/kinds.ts'
import type { Meeting } from './meetings.ts'
import type { Person } from './people.ts'
import type { Sizes } from './sizes.ts'

export const eventColumns: readonly string[] = ['event_id', 'created_at', 'session_id', 'address', 'kind', 'payload']

export interface EventOptions {
  readonly meetings: readonly Meeting[]
  readonly sizes: Sizes
  readonly seed: number
  readonly now: Date
}

const platforms = ['ios', 'android', 'web', 'desktop'] as const
const networks = ['wifi', 'cellular', 'ethernet', 'vpn'] as const
const versions = ['4.2.1', '4.2.0', '4.1.7', '4.0.3', '3.9.12'] as const
/** Few clients have one, and somebody wants to know which. */
const marks = ['emulator', 'rooted', 'clock_skew'] as const
const markShare = 0.002
const codes = ['ICE_FAILED', 'SIGNATURE_REJECTED', 'RPC_TIMEOUT', 'CHAIN_MISMATCH', 'SOCKET_CLOSED'] as const

export function* eventsOf({ meetings, sizes, seed, now }: EventOptions): Generator<CopyRow> {
  const end = now.getTime()
  for (const meeting of meetings) {
    const random = createRandom(seed ^ Math.imul(meeting.id, 0x9e3779b1))
    const count = random.int(Math.round(sizes.eventsPerSession * 2) + 1)
    for (const { at, who, kind } of momentsOf(meeting, { count, end, random }))
      yield [uuidOf(random), new Date(at), meeting.id, who.address, kind, JSON.stringify(payloadOf(kind, random))]
  }
}

interface Moment {
  readonly at: number
  readonly who: Person
  readonly kind: TelemetryKind
}

interface Making {
  readonly count: number
  readonly end: number
  readonly random: Random
}

function momentsOf(meeting: Meeting, { count, end, random }: Making): readonly Moment[] {
  const { a, b, createdAt, startedAt, endedAt = end } = meeting
  if (count === 0) return []
  const moments: Moment[] = [{ at: createdAt, who: a, kind: 'match_asked' }]
  if (startedAt !== undefined && b !== undefined) {
    const lasts = Math.max(1, Math.min(endedAt, end) - startedAt)
    const offsets = Array.from({ length: count - 1 }, () => random.int(lasts)).toSorted((one, other) => one - other)
    for (const offset of offsets)
      moments.push({ at: startedAt + offset, who: random.pick([a, b]), kind: kindWithin(random) })
  }
  return moments.filter(({ at }) => at < end)
}

function kindWithin(random: Random): TelemetryKind {
  const drawn = random.next()
  if (drawn < 0.02) return 'error'
  if (drawn < 0.3) return 'latency'
  if (drawn < 0.4) return random.pick(['session_opened', 'session_closed'])
  return random.pick(['message_sent', 'message_delivered'])
}

function payloadOf(kind: TelemetryKind, random: Random): object {
  const tags: string[] = [random.pick(platforms), random.pick(networks), random.pick(versions)]
  if (random.chance(markShare)) tags.push(random.pick(marks))
  switch (kind) {
    case 'error':
      return { tags, code: random.pick(codes), attempt: 1 + random.int(4) }
    case 'latency':
      return { tags, ms: 20 + Math.round(Math.exp(random.normal() * 0.6 + 4)) }
    case 'message_sent':
      return { tags, bytes: 10 + random.int(900) }
    default:
      return { tags }
  }
}

function uuidOf(random: Random): string {
  let digits = ''
  for (let part = 0; part < 4; part++)
    digits += random
      .int(2 ** 32)
      .toString(16)
      .padStart(8, '0')
  const variant = '89ab'[random.int(4)] ?? '8'
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`
}
