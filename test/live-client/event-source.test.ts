// The browser's client over an EventSource of the test: what it asks for, and whom it tells.

import { expect, test } from 'vitest'
import { openLive, type EventSourceShape, type LiveClient, type LiveSubscription } from '../../src/live-client/index.ts'

class Source implements EventSourceShape {
  static last: Source | undefined
  readyState = 1
  isClosed = false
  readonly url: string
  readonly init: object
  readonly #listeners = new Map<string, (event: { readonly data?: unknown }) => void>()

  constructor(url: string, init: object) {
    this.url = url
    this.init = init
    Source.last = this
  }

  addEventListener(name: string, listener: (event: { readonly data?: unknown }) => void): void {
    this.#listeners.set(name, listener)
  }

  say(name: string, data?: object): void {
    this.#listeners.get(name)?.({ data: data === undefined ? undefined : JSON.stringify(data) })
  }

  close(): void {
    this.isClosed = true
  }
}

function open(subscriptions: readonly LiveSubscription[]): [Source, string[], LiveClient] {
  const said: string[] = []
  const client = openLive({
    url: '/live?a=1',
    EventSource: Source,
    subscriptions,
    onRefresh: ({ id, why }) => said.push(`refresh ${id} ${why}`),
    onState: (state) => said.push(state),
  })
  if (Source.last === undefined) throw new Error('No source was made')
  return [Source.last, said, client]
}

test('topics travel in the URL, events come to whom they are for', () => {
  const heard: string[] = []
  const [source] = open([
    { topic: { table: 'item', key: { id: 1 } }, onChange: ({ kind }) => heard.push(`one ${kind}`) },
    { topic: { top: 'best', orderBy: 'n' }, onList: ({ rows }) => heard.push(`list ${rows.length}`) },
    { topic: { table: 'item', key: { id: 1 } }, onChange: ({ id }) => heard.push(`again ${id}`) },
  ])
  const asked = new URL(source.url, 'http://a').searchParams
  expect(JSON.parse(asked.get('topics') ?? '')).toHaveLength(3)
  expect(asked.get('a')).toBe('1')
  source.say('ready', { id: 'e:1:0', topics: ['x', 'y', 'x'], state: 'new' })
  source.say('change', { id: 'e:2:0', topic: 'x', kind: 'update', at: 0 })
  source.say('change', { id: 'e:3:0', topic: 'z', kind: 'update', at: 0 })
  source.say('top', { id: 'e:4:0', topic: 'y', rows: [{}, {}] })
  expect(heard).toEqual(['one update', 'again e:2:0', 'list 2'])
})

test('it says when everything is to be fetched: at first, and after a reset, not when it could go on', () => {
  const [source, said, client] = open([{ topic: { table: 'item' } }])
  source.say('ready', { id: 'e:1:0', topics: ['x'], state: 'new' })
  source.say('error')
  source.say('ready', { id: 'e:2:0', topics: ['x'], state: 'resumed' })
  source.say('ready', { id: 'e:3:0', topics: ['x'], state: 'lost' })
  source.say('reset', { id: 'e:3:0', why: 'it is not known' })
  source.readyState = 2
  source.say('error')
  expect(said).toEqual([
    'open',
    'refresh e:1:0 connected',
    'waiting',
    'open',
    'open',
    'refresh e:3:0 it is not known',
    'closed',
  ])
  client.close()
  expect(source.isClosed).toBe(true)
})
