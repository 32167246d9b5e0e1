// What a server of live events says, and whom it is told to. Imports nothing, for it runs in browsers as it is.

export type TopicValue = string | number | boolean | null
export type Conditions = Readonly<Record<string, TopicValue | readonly TopicValue[]>>

export type TopicSpec =
  | { readonly table: string; readonly key?: Conditions | undefined; readonly where?: Conditions | undefined }
  | { readonly rollup: string; readonly by?: Conditions | undefined }
  | { readonly top: string; readonly orderBy: string; readonly limit?: number | undefined }

export interface LiveChange<Row = Readonly<Record<string, string | null>>> {
  /** Whoever reads with it as a token sees this change, wherever it is read. */
  readonly id: string
  /** 'changed': something did, or may have; fetch it. 'truncate': every row is gone. */
  readonly kind: 'insert' | 'update' | 'delete' | 'truncate' | 'changed'
  readonly key?: Readonly<Record<string, string | null>>
  /** Declared columns, as text. */
  readonly row?: Row
  /** When it was committed; milliseconds since 1970. */
  readonly at: number
}

export interface LiveList<Row = Readonly<Record<string, unknown>>> {
  readonly id: string
  readonly rows: readonly Row[]
}

export interface LiveRefresh {
  /** What is fetched with it as a token shows at least what the coming events build on. */
  readonly id: string
  readonly why: string
}

export interface LiveSubscription {
  readonly topic: TopicSpec
  readonly onChange?: (change: LiveChange) => void
  /** Of a list: it is another one. */
  readonly onList?: (list: LiveList) => void
}

export interface LiveHandlers {
  /** At most 32. */
  readonly subscriptions: readonly LiveSubscription[]
  /** Everything is to be fetched: at the beginning, and wherever something may have been missed. */
  readonly onRefresh: (refresh: LiveRefresh) => void
  /** 'open': events come. 'waiting': the connection was lost and is sought again. 'closed': it was refused, or given up. */
  readonly onState?: (state: 'open' | 'waiting' | 'closed') => void
}

export interface LiveClient {
  close(): void
}

export const eventNames = ['ready', 'reset', 'change', 'top'] as const
export type EventName = (typeof eventNames)[number]

interface Ready {
  readonly id: string
  /** Names of the topics, in the order in which they were asked for. */
  readonly topics: readonly string[]
  readonly state: 'new' | 'resumed' | 'lost'
}

export function urlOf(url: string, { subscriptions }: LiveHandlers): string {
  const topics = JSON.stringify(subscriptions.map(({ topic }) => topic))
  return `${url}${url.includes('?') ? '&' : '?'}topics=${encodeURIComponent(topics)}`
}

/** Hands each event to whom it is for. Two subscriptions of one topic both get it. */
export function createReceiver(handlers: LiveHandlers): (name: EventName, data: string) => void {
  const { subscriptions, onRefresh, onState } = handlers
  let names: readonly string[] = []
  const each = (name: string, work: (subscription: LiveSubscription) => void): void => {
    subscriptions.forEach((subscription, index) => {
      if (names[index] === name) work(subscription)
    })
  }
  return (name, data) => {
    const event: unknown = JSON.parse(data)
    if (name === 'ready') {
      const { id, topics, state } = event as Ready
      names = topics
      onState?.('open')
      // What was lost is said by a reset.
      if (state === 'new') onRefresh({ id, why: 'connected' })
      return
    }
    if (name === 'reset') return onRefresh(event as LiveRefresh)
    const { topic, ...told } = event as { readonly topic: string } & LiveChange & LiveList
    each(topic, ({ onChange, onList }) => (name === 'top' ? onList?.(told) : onChange?.(told)))
  }
}
