// How a client is served: once for all, in order, bounded, from where it was, or anew.

import { expect, test } from 'vitest'
import { batch, begun, brief, change, connect, epoch, place, testClient, testHub } from './support.ts'

const names = (client: ReturnType<typeof testClient>): string[] => client.told.map(({ name }) => name)

test('an event is made once, and the bytes are the same for everybody', () => {
  const made = begun()
  const clients = Array.from({ length: 3 }, () => testClient())
  for (const client of clients) connect(made, client)
  made.hub.accept(batch(200n, change('update', 1, { v: 'x' })))
  made.clock.advance(50)
  expect(clients.map(brief)).toEqual(clients.map(() => ['update 1']))
  expect(new Set(clients.map(({ chunks }) => chunks.at(-1)?.toString())).size).toBe(1)
  expect(clients[0]?.told.at(-1)?.data).toMatchObject({ id: `${epoch}:c8:0`, kind: 'update', row: { v: 'x' } })
})

test('what changes within a tick comes once for each row, the last of it, in the order of those', () => {
  const made = begun()
  const client = testClient()
  connect(made, client)
  made.hub.accept(batch(190n, change('insert', 9)))
  made.clock.advance(50)
  made.hub.accept(batch(200n, change('insert', 1), change('insert', 2)))
  made.hub.accept(batch(210n, change('update', 1, { v: 'last' })))
  expect(brief(client)).toEqual(['insert 9'])
  made.clock.advance(50)
  expect(brief(client)).toEqual(['insert 9', 'insert 2', 'update 1'])
  expect(client.lastEventId).toBe(`${epoch}:d2:0`)
})

test('a client that comes before the feed has begun waits, and is told where it begins', () => {
  const made = testHub()
  const client = testClient()
  connect(made, client)
  made.clock.advance(60_000)
  expect(names(client)).toEqual([])
  expect(client.chunks.length).toBeGreaterThan(2)
  made.hub.settle(place)
  expect(client.told).toMatchObject([{ name: 'ready', data: { id: `${epoch}:64:0`, state: 'new' } }])
})

test('a client that comes back gets what it missed, and nothing twice', () => {
  const made = begun()
  const first = testClient()
  const connection = connect(made, first)
  made.hub.accept(batch(200n, change('insert', 1)))
  made.clock.advance(50)
  connection.close()
  made.hub.accept(batch(210n, change('insert', 2), change('insert', 3)))
  made.hub.accept(batch(210n, change('insert', 2), change('insert', 3)))
  const second = testClient(first.lastEventId)
  connect(made, second, [{ table: 'item' }], { lastEventId: first.lastEventId })
  expect(second.told[0]?.data['state']).toBe('resumed')
  expect(brief(second)).toEqual(['insert 2', 'insert 3'])
})

test('in the middle of a transaction it goes on in the middle', () => {
  const made = begun()
  made.hub.accept(batch(200n, change('insert', 1), change('insert', 2), change('insert', 3)))
  const client = testClient()
  connect(made, client, [{ table: 'item' }], { lastEventId: `${epoch}:c8:0` })
  expect(brief(client)).toEqual(['insert 2', 'insert 3'])
})

test.each([
  ['of another epoch', 'bbbbbbbbbbbb:c8:0'],
  ['of no form', "'; drop table item; --"],
  ['older than what is kept', `${epoch}:c8:0`],
  ['from before the epoch', `${epoch}:0:0`],
])('an id %s is answered by a reset', (_, lastEventId) => {
  const made = begun({ ringEvents: 2 })
  for (const lsn of [200n, 210n, 220n, 230n]) made.hub.accept(batch(lsn, change('update', 1)))
  const client = testClient(lastEventId)
  connect(made, client, [{ table: 'item' }], { lastEventId })
  expect(names(client)).toEqual(['ready', 'reset'])
  expect(client.told[1]?.data['id']).toBe(`${epoch}:e6:0`)
  expect(client.lastEventId).toBe(`${epoch}:e6:0`)
})

test('an id that is ahead is waited for, and answered by a reset if nothing ever comes of it', () => {
  const made = begun()
  const honest = testClient()
  const forged = testClient()
  connect(made, honest, [{ table: 'item' }], { lastEventId: `${epoch}:d2:0` })
  connect(made, forged, [{ table: 'item' }], { lastEventId: `${epoch}:ffffffffffffffff:0` })
  for (const lsn of [200n, 210n, 220n]) made.hub.accept(batch(lsn, change('update', Number(lsn))))
  made.clock.advance(60_000)
  expect(brief(honest)).toEqual(['update 220'])
  expect(brief(forged)).toEqual(['reset'])
  expect(forged.lastEventId).toBe(`${epoch}:dc:0`)
})

test('a new epoch resets everybody, and batches of the old one count for nothing', () => {
  const made = begun()
  const client = testClient()
  connect(made, client)
  const next = { ...place, epoch: 'bbbbbbbbbbbb', lsn: 300n }
  made.hub.accept({ type: 'reset', why: 'its replication slot is gone', ...next })
  made.hub.accept(batch(310n, change('insert', 1)))
  made.hub.accept({ ...batch(320n, change('insert', 2)), epoch: next.epoch })
  made.clock.advance(50)
  expect(brief(client)).toEqual(['reset'])
  expect(client.told[1]?.data).toMatchObject({ why: 'its replication slot is gone' })
  made.hub.accept({ ...batch(330n, change('insert', 3)), epoch: next.epoch })
  made.clock.advance(50)
  expect(brief(client)).toEqual(['reset', 'insert 3'])
})

test('where something was missed, nothing is told before it is known where to begin', () => {
  const made = begun()
  const client = testClient()
  connect(made, client)
  made.hub.accept(batch(200n, change('insert', 1)))
  made.clock.advance(50)
  const position = client.lastEventId
  made.hub.lose('this process fell behind')
  made.hub.accept(batch(300n, change('insert', 2)))
  made.clock.advance(60_000)
  expect(brief(client)).toEqual(['insert 1'])
  expect(client.lastEventId).toBe(position)
  made.hub.settle({ ...place, lsn: 400n })
  made.clock.advance(50)
  expect(brief(client)).toEqual(['insert 1', 'reset'])
  expect(client.told.at(-1)?.data['id']).toBe(`${epoch}:190:0`)
  // What came before the hole is no place to go on from.
  const back = testClient()
  connect(made, back, [{ table: 'item' }], { lastEventId: position })
  expect(names(back)).toEqual(['ready', 'reset'])
})

test('while a client is full, what waits is one event a row, then a reset; then it goes on', () => {
  const made = begun({ queueEvents: 3 })
  const client = testClient()
  const connection = connect(made, client)
  client.room = 0
  made.hub.accept(batch(200n, change('update', 1)))
  made.clock.advance(50)
  for (let lsn = 210n; lsn < 300n; lsn++) made.hub.accept(batch(lsn, change('update', 1 + Number(lsn % 3n))))
  made.clock.advance(50)
  expect(brief(client)).toEqual(['update 1'])
  client.room = 1e9
  connection.drained()
  expect(brief(client)).toHaveLength(4)
  client.room = 0
  made.hub.accept(batch(300n, change('update', 1)))
  made.clock.advance(50)
  made.hub.accept(batch(310n, ...[1, 2, 3, 4].map((id) => change('update', id))))
  client.room = 1e9
  connection.drained()
  expect(brief(client).slice(4)).toEqual(['update 1', 'reset'])
  made.hub.accept(batch(320n, change('update', 4)))
  made.clock.advance(50)
  expect(brief(client).slice(6)).toEqual(['update 4'])
})

test('a client that takes nothing is dropped, one that is idle hears a heartbeat and moves on', () => {
  const made = begun()
  const stuck = testClient()
  const idle = testClient()
  connect(made, stuck)
  connect(made, idle, [{ table: 'item', key: { id: 5 } }])
  stuck.room = 0
  made.hub.accept(batch(200n, change('update', 1)))
  made.clock.advance(60_000)
  expect(stuck.state).toBe('destroyed')
  expect(idle.state).toBe('open')
  expect(idle.chunks.length).toBeGreaterThanOrEqual(4)
  expect(idle.lastEventId).toBe(`${epoch}:c8:0`)
  expect(made.hub.status).toMatchObject({ connections: 1, dropped: 1 })
})

test('a heartbeat does not move a client past what still waits for it', () => {
  const made = begun()
  const busy = testClient()
  const idle = testClient()
  connect(made, busy, [{ table: 'item', key: { id: 1 } }])
  connect(made, idle, [{ table: 'item', key: { id: 5 } }])
  const before = idle.lastEventId
  made.clock.advance(14_995)
  made.hub.accept(batch(200n, change('update', 1)))
  made.clock.advance(2)
  made.hub.accept(batch(210n, change('update', 5)))
  // The tick after that of the busy one has yet to come, the heartbeat is due.
  made.clock.advance(5)
  expect([brief(busy), brief(idle), idle.lastEventId]).toEqual([['update 1'], [], before])
  made.clock.advance(50)
  expect([brief(idle), idle.lastEventId]).toEqual([['update 5'], `${epoch}:d2:0`])
})

test('connections are bounded, in all and by address, topics too, and who leaves makes room', () => {
  const made = begun({ connections: 3, connectionsPerAddress: 2, topics: 2 })
  const open = (address: string, id = 1): (() => void) => {
    const connection = connect(made, testClient(), [{ table: 'item', key: { id } }], { address })
    return () => connection.close()
  }
  const close = open('a')
  open('a')
  expect(() => open('a')).toThrow('at most 2 connections of one address')
  open('b', 2)
  expect(() => open('c')).toThrow('at most 3 connections')
  close()
  close()
  expect(() => open('c', 3)).toThrow('at most 2 topics')
  open('a')
  expect(made.hub.status).toMatchObject({ connections: 3, topics: 2 })
})

test('a connection ends after its time, so that whoever comes back is asked for again', () => {
  const made = begun({ connectionMs: 100_000 })
  const client = testClient()
  connect(made, client)
  made.clock.advance(70_000)
  expect(client.state).toBe('open')
  made.clock.advance(70_000)
  expect(client.state).toBe('ended')
  expect(made.hub.status.connections).toBe(0)
})

test('the ring is bounded by size as well', () => {
  const made = begun({ ringBytes: 10_000 })
  for (let lsn = 200n; lsn < 400n; lsn++) made.hub.accept(batch(lsn, change('update', 1, { v: 'x'.repeat(100) })))
  expect(made.hub.status.ringBytes).toBeLessThanOrEqual(10_000)
  expect(made.hub.status.ringEvents).toBeLessThan(40)
})
