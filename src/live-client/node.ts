// pgstrata/live-client/node: live events in a Node process, by fetch.
//
// Promises: after a lost connection, or one on which nothing came for `silenceMs`, it comes back with the id of its last event,
// at first after what the server asked for, then in waits that double up to 30 s. A status of 400 to 499 ends it. What a
// handler throws counts as a lost connection: it gets the event again.

import { systemClock, type Clock } from '../base/clock.ts'
import { jitter, systemRandom, type Random } from '../base/random.ts'
import { SseReader } from './sse-reader.ts'
import { createReceiver, eventNames, urlOf, type EventName, type LiveClient, type LiveHandlers } from './protocol.ts'

export type {
  LiveChange,
  LiveClient,
  LiveHandlers,
  LiveList,
  LiveRefresh,
  LiveSubscription,
  TopicSpec,
} from './protocol.ts'

export interface FollowLiveOptions extends LiveHandlers {
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Where to go on, from an earlier process. */
  readonly lastEventId?: string
  /** Whenever there is a new place to go on from. */
  readonly onPosition?: (id: string) => void
  /** Default: 45 s, three heartbeats of the server. */
  readonly silenceMs?: number
  readonly clock?: Clock
  readonly random?: Random
}

const longestWaitMs = 30_000
const firstWaitMs = 500

export function followLive(options: FollowLiveOptions): LiveClient {
  const stopping = new AbortController()
  void follow(options, stopping.signal)
  return { close: () => stopping.abort() }
}

async function follow(options: FollowLiveOptions, signal: AbortSignal): Promise<void> {
  const { clock = systemClock, random = systemRandom, onState } = options
  const reader = new SseReader(options.lastEventId)
  const receive = createReceiver(options)
  let failures = 0
  while (!signal.aborted) {
    const outcome = await connect({ ...options, clock }, { reader, receive, signal })
    if (signal.aborted) return
    if (outcome === 'refused') return onState?.('closed')
    failures = outcome === 'served' ? 0 : failures + 1
    onState?.('waiting')
    const waitMs = Math.min(longestWaitMs, (reader.retryMs ?? firstWaitMs) * 2 ** Math.min(failures, 10))
    await clock.sleep(jitter(waitMs, 0.3, random), signal).catch(() => undefined)
  }
}

interface Connecting {
  readonly reader: SseReader
  readonly receive: (name: EventName, data: string) => void
  readonly signal: AbortSignal
}

async function connect(
  options: FollowLiveOptions & { readonly clock: Clock },
  { reader, receive, signal }: Connecting,
): Promise<'served' | 'failed' | 'refused'> {
  const { url, headers, silenceMs = 45_000, clock, onPosition } = options
  const ending = new AbortController()
  const both = AbortSignal.any([signal, ending.signal])
  let callOff = clock.after(silenceMs, () => ending.abort())
  let wasServed = false
  reader.begin()
  try {
    const resume: Record<string, string> =
      reader.lastEventId === undefined ? {} : { 'last-event-id': reader.lastEventId }
    const response = await fetch(urlOf(url, options), {
      headers: { accept: 'text/event-stream', ...headers, ...resume },
      signal: both,
    })
    if (response.status >= 400 && response.status < 500) return 'refused'
    if (response.status !== 200 || response.body === null) return 'failed'
    for await (const chunk of response.body) {
      callOff()
      callOff = clock.after(silenceMs, () => ending.abort())
      const before = reader.lastEventId
      for (const { name, data } of reader.read(chunk as Uint8Array)) {
        if (signal.aborted) return 'served'
        wasServed = true
        if (isKnown(name)) receive(name, data)
      }
      if (reader.lastEventId !== undefined && reader.lastEventId !== before) onPosition?.(reader.lastEventId)
    }
    return wasServed ? 'served' : 'failed'
  } catch {
    return wasServed ? 'served' : 'failed'
  } finally {
    callOff()
    ending.abort()
  }
}

function isKnown(name: string): name is EventName {
  return (eventNames as readonly string[]).includes(name)
}
