// pgstrata/live-client: live events in a browser, by EventSource alone.
//
// Promises: after a lost connection the browser comes back by itself with the id of its last event, and gets what it missed or
// `onRefresh`. Nothing is kept here but the names of topics. On a refusal (any status but 200) a browser gives up: 'closed'.

import { createReceiver, eventNames, urlOf, type LiveClient, type LiveHandlers } from './protocol.ts'

export type {
  Conditions,
  LiveChange,
  LiveClient,
  LiveHandlers,
  LiveList,
  LiveRefresh,
  LiveSubscription,
  TopicSpec,
  TopicValue,
} from './protocol.ts'

/** What is needed of an EventSource. */
export interface EventSourceShape {
  readonly readyState: number
  addEventListener(name: string, listener: (event: { readonly data?: unknown }) => void): void
  close(): void
}

export interface OpenLiveOptions extends LiveHandlers {
  readonly url: string
  /** Cookies go along to other origins too. */
  readonly withCredentials?: boolean
  /** Default: the browser's own. */
  readonly EventSource?: new (url: string, init: { readonly withCredentials: boolean }) => EventSourceShape
}

const closed = 2

export function openLive(options: OpenLiveOptions): LiveClient {
  const { url, withCredentials = false, onState } = options
  const Source =
    options.EventSource ?? (globalThis as unknown as Required<Pick<OpenLiveOptions, 'EventSource'>>).EventSource
  const source = new Source(urlOf(url, options), { withCredentials })
  const receive = createReceiver(options)
  for (const name of eventNames) {
    source.addEventListener(name, ({ data }) => {
      if (typeof data === 'string') receive(name, data)
    })
  }
  source.addEventListener('error', () => onState?.(source.readyState === closed ? 'closed' : 'waiting'))
  return { close: () => source.close() }
}
