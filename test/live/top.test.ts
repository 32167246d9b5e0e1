// Lists: how often they are read, and what comes of it.

import { expect, test } from 'vitest'
import type { LiveTop } from '../../src/live/options.ts'
import { waitUntil } from '../support/wait.ts'
import { batch, begun, change, connect, testClient, type TestClient } from './support.ts'

interface Reads {
  readonly top: LiveTop
  /** Answers the oldest that is under way. */
  readonly answer: (rows: readonly object[]) => void
  readonly underWay: () => number
  readonly begun: () => number
}

function reads(): Reads {
  const waiting: ((rows: readonly object[]) => void)[] = []
  let begun = 0
  return {
    top: {
      name: 'best',
      orderBy: ['n'],
      sources: [{ schema: 'public', table: 'item' }],
      read: async () => {
        begun++
        return { rows: await new Promise<readonly object[]>((resolve) => waiting.push(resolve)), lsn: 300n }
      },
    },
    answer: (rows) => waiting.shift()?.(rows),
    underWay: () => waiting.length,
    begun: () => begun,
  }
}

const lists = ({ told }: TestClient): unknown[] =>
  told.filter(({ name }) => name === 'top').map(({ data }) => data['rows'])

test('one query goes on at a time, however many lists are watched', async () => {
  const { top, answer, underWay, begun: count } = reads()
  const made = begun({}, { tops: [top] })
  const clients = [1, 2, 3].map((limit) => {
    const client = testClient()
    connect(made, client, [{ top: 'best', orderBy: 'n', limit }])
    return client
  })
  made.clock.advance(50)
  for (let read = 1; read <= 3; read++) {
    await waitUntil(() => underWay() === 1, { what: `query ${read}` })
    expect(count()).toBe(read)
    answer([{ read }])
  }
  await waitUntil(
    () => {
      made.clock.advance(50)
      return clients.every((client) => lists(client).length === 1)
    },
    { what: 'all lists' },
  )
  expect(clients.map(lists)).toEqual([[[{ read: 1 }]], [[{ read: 2 }]], [[{ read: 3 }]]])
})

test('what changes while it is read is read afterwards, once, and the same list is no event', async () => {
  const { top, answer, underWay, begun: count } = reads()
  const made = begun({ topEveryMs: 1e9 }, { tops: [top] })
  const client = testClient()
  connect(made, client, [{ top: 'best', orderBy: 'n' }])
  made.clock.advance(50)
  await waitUntil(() => underWay() === 1, { what: 'the first query' })
  for (let lsn = 200n; lsn < 220n; lsn++) made.hub.accept(batch(lsn, change('update', 1)))
  made.clock.advance(50)
  answer([{ id: 1 }])
  const next = async (): Promise<void> => {
    await waitUntil(
      () => {
        made.clock.advance(50)
        return underWay() === 1
      },
      { what: 'the next query' },
    )
  }
  await next()
  expect(count()).toBe(2)
  answer([{ id: 1 }])
  made.hub.accept(batch(230n, change('update', 1)))
  await next()
  answer([{ id: 2 }])
  await waitUntil(
    () => {
      made.clock.advance(50)
      return lists(client).length === 2
    },
    { what: 'the other list' },
  )
  expect(lists(client)).toEqual([[{ id: 1 }], [{ id: 2 }]])
  expect(client.told.at(-1)?.data['id']).toMatch(/:12c:0$/)
})

test('who begins anew is told why, and has the list as it is', async () => {
  const { top, answer, underWay } = reads()
  const made = begun({}, { tops: [top] })
  const topics = [{ table: 'item' }, { top: 'best', orderBy: 'n' }] as const
  connect(made, testClient(), topics)
  made.clock.advance(50)
  await waitUntil(() => underWay() === 1, { what: 'the query' })
  answer([{ id: 1 }])
  const back = testClient()
  await waitUntil(
    () => {
      made.clock.advance(50)
      return underWay() === 0 && made.hub.status.frames > 0
    },
    { what: 'the list' },
  )
  connect(made, back, topics, { lastEventId: 'bbbbbbbbbbbb:1:0' })
  expect(back.told.map(({ name }) => name)).toEqual(['ready', 'reset', 'top'])
  expect(back.told[1]?.data['why']).toBe('what happened since is not known here')
})
