// What clients tell of themselves, event by event: an event is taken whole or refused with what was wrong with it, and never repaired.
//
// Promises: what is taken can be stored. PostgreSQL keeps no NUL and no half of a character in jsonb, and a payload that is deep or wide
// costs every reader: all are bounded here. A time is within what the partitions hold. No value of an event is in a refusal.

import { kinds, type TelemetryKind } from './kinds.ts'

export const mostEvents = 500
/** Of the JSON text of one payload. */
export const mostPayloadBytes = 4_096
const deepestPayload = 6
/** Of a batch: 500 payloads do not all come at their most. */
export const mostBatchBytes = 512 * 1024
export const oldestMs = 24 * 3_600_000
/** Clocks of clients are not those of the service. */
export const newestMs = 5 * 60_000

export interface TakenEvent {
  /** In the batch. */
  readonly index: number
  readonly eventId: string
  readonly at: Date
  readonly sessionId: string | null
  readonly kind: TelemetryKind
  /** JSON. */
  readonly payload: string
}

export interface RefusedEvent {
  readonly index: number
  /** What of the event was not as it must be. */
  readonly where: string
  readonly expected: string
}

export interface Checked {
  readonly taken: readonly TakenEvent[]
  readonly refused: readonly RefusedEvent[]
}

export function checkEvents(events: readonly unknown[], { now }: { readonly now: Date }): Checked {
  const taken: TakenEvent[] = []
  const refused: RefusedEvent[] = []
  events.forEach((event, index) => {
    const checked = checkEvent(event, now)
    if ('expected' in checked) refused.push({ index, ...checked })
    else taken.push({ index, ...checked })
  })
  return { taken, refused }
}

const fields: ReadonlySet<string> = new Set(['event_id', 'at', 'kind', 'session_id', 'payload'])
const known: ReadonlySet<unknown> = new Set(kinds)
const uuidForm = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i
const timeForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)$/
const halfCharacter = /\p{Surrogate}/u

type Fault = Omit<RefusedEvent, 'index'>

function checkEvent(event: unknown, now: Date): Omit<TakenEvent, 'index'> | Fault {
  if (!isObject(event)) return { where: 'event', expected: 'an object' }
  const { event_id, at, kind, session_id = null, payload = {} } = event
  if (Object.keys(event).some((name) => !fields.has(name)))
    return { where: 'event', expected: `nothing but ${[...fields].join(', ')}` }
  if (typeof event_id !== 'string' || !uuidForm.test(event_id)) return { where: 'event_id', expected: 'a UUID' }
  const time = typeof at === 'string' && timeForm.test(at) ? new Date(at) : undefined
  if (time === undefined || Number.isNaN(time.getTime()))
    return { where: 'at', expected: 'a time with its zone, as 2026-01-31T12:00:00.000Z' }
  const ageMs = now.getTime() - time.getTime()
  if (ageMs > oldestMs || ageMs < -newestMs)
    return { where: 'at', expected: 'a time of the last 24 hours, and at most 5 minutes ahead' }
  if (!isKind(kind)) return { where: 'kind', expected: `one of ${kinds.join(', ')}` }
  const sessionId = session_id === null ? null : idOf(session_id)
  if (sessionId === undefined) return { where: 'session_id', expected: 'the number of a session, or none' }
  const text = payloadOf(payload)
  if (typeof text !== 'string') return text
  return { eventId: event_id.toLowerCase(), at: time, sessionId, kind, payload: text }
}

function isKind(kind: unknown): kind is TelemetryKind {
  return known.has(kind)
}

function idOf(given: unknown): string | undefined {
  const text = typeof given === 'number' ? String(given) : given
  return typeof text === 'string' && /^[1-9]\d{0,17}$/.test(text) ? text : undefined
}

function payloadOf(payload: unknown): string | Fault {
  if (!isObject(payload)) return { where: 'payload', expected: 'an object' }
  const fault = findFault(payload, 1)
  if (fault !== undefined) return { where: 'payload', expected: fault }
  const text = JSON.stringify(payload)
  if (Buffer.byteLength(text) <= mostPayloadBytes) return text
  return { where: 'payload', expected: `at most ${mostPayloadBytes} bytes of JSON` }
}

/** What is expected, where there is something else. */
function findFault(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') {
    return value.includes('\0') || halfCharacter.test(value) ? 'texts of whole characters, without NUL' : undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  if (depth > deepestPayload) return `objects and lists at most ${deepestPayload} deep`
  for (const [name, inner] of Object.entries(value)) {
    const fault = findFault(name, depth) ?? findFault(inner, depth + 1)
    if (fault !== undefined) return fault
  }
  return undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
