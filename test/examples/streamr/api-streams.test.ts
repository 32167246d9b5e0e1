// Streams and nodes over HTTP: what a list and a page show, what stays with friends, and pages that neither repeat nor miss a row while
// others are inserted.

import { beforeAll, describe, expect, test } from 'vitest'
import { addNode, addStream, addUser, ask, befriend, useService, walk } from './service-support.ts'

const served = useService()
test('an empty database gives empty lists', async () => {
  expect((await ask(served(), '/streams')).body).toEqual({ streams: [], next: null })
  expect((await ask(served(), '/fraud')).body).toEqual({ findings: [], next: null })
})

describe('with streams', () => {
  let owner = ''
  beforeAll(async () => {
    const { db } = served()
    for (let n = 0; n < 12; n++)
      await addStream(db, `s${String(n).padStart(2, '0')}`, {
        viewers: n < 6 ? 5 : 100 - n,
        balance: '123456789012345678901234567890',
      })
    await db.updateTable('streams').set({ status: 'PAUSED' }).where('stream_id', '=', 's11').execute()
    owner = await addUser(db, 'owner')
    for (let n = 0; n < 7; n++) await addNode(db, `n${n}`, { stream: 's06', owner, lat: 52.5, lon: 13.4 })
    const now = Date.now()
    for (const [minutes, success] of [
      [1, true],
      [2, true],
      [3, false],
      [70, true],
      [26 * 60, true],
    ] as const)
      await db
        .insertInto('probe_results')
        .values({
          stream_id: 's06',
          node_id: 'n1',
          probe_type: 'stats_poll',
          success,
          response_data: null,
          error_message: null,
          probe_timestamp: new Date(now - minutes * 60_000),
        })
        .execute()
  })

  test('a list is by viewers, then by id, with exact amounts as text', async () => {
    const rows = await walk(served(), '/streams?limit=5', { list: 'streams' })
    expect(rows.map((row) => row['stream_id'])).toEqual([
      's06',
      's07',
      's08',
      's09',
      's10',
      's11',
      's00',
      's01',
      's02',
      's03',
      's04',
      's05',
    ])
    expect(rows[0]).toEqual({
      stream_id: 's06',
      status: 'ACTIVE',
      viewers: 94,
      reward_per_hour: '1000',
      token_balance: '123456789012345678901234567890',
      nodes: 7,
    })
  })

  test('a list can be filtered, sorted by id, and cut down to fields', async () => {
    const paused = await ask(served(), '/streams?status=PAUSED&fields=stream_id,status')
    expect(paused.body).toEqual({ streams: [{ stream_id: 's11', status: 'PAUSED' }], next: null })
    const byId = await walk(served(), '/streams?sort=stream_id&limit=4&fields=stream_id', { list: 'streams' })
    expect(byId.map((row) => row['stream_id'])).toEqual(byId.map((row) => row['stream_id']).toSorted())
    expect(byId).toHaveLength(12)
  })

  test('a stream has what was measured and paid, and not where it is sent to', async () => {
    const { status, body } = await ask(served(), '/streams/s06')
    expect(status).toBe(200)
    expect(body).toMatchObject({
      stream_id: 's06',
      sponsor_address: '0xsponsor',
      last_24_hours: { total_polls: '4', successful_polls: '3', failed_spot_checks: '0' },
      paid: { amount: '0', payouts: '0' },
    })
    expect(JSON.stringify(body)).not.toContain('rtmp')
  })

  test('a series has every hour, of which those without anything are zero', async () => {
    const { body } = await ask(served(), '/streams/s06/earnings?hours=48')
    const polls = body['total_polls'] as readonly number[]
    expect(polls).toHaveLength(48)
    expect(polls.reduce((sum, one) => sum + one, 0)).toBe(5)
    expect((body['successful_polls'] as readonly number[]).reduce((sum, one) => sum + one, 0)).toBe(4)
    const startMs = new Date(body['start'] as string).getTime()
    expect(startMs + 47 * 3_600_000).toBe(Math.floor(Date.now() / 3_600_000) * 3_600_000)
    expect(body['amount']).toEqual(polls.map(() => '0'))
  })

  test('nodes of a stream come in pages, by status too', async () => {
    await served().db.updateTable('nodes').set({ status: 'STALE' }).where('node_id', '=', 'n3').execute()
    const rows = await walk(served(), '/streams/s06/nodes?limit=3', { list: 'nodes' })
    expect(rows.map((row) => row['node_id'])).toEqual(['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6'])
    const stale = await ask(served(), '/streams/s06/nodes?status=STALE&fields=node_id')
    expect(stale.body).toEqual({ nodes: [{ node_id: 'n3' }], next: null })
  })

  test('where a node stands is told to its owner and to friends alone', async () => {
    const { db } = served()
    const [friend, stranger] = [await addUser(db, 'friend'), await addUser(db, 'stranger')]
    await befriend(db, friend, owner)
    for (const as of [undefined, stranger]) {
      const { body } = await ask(served(), '/nodes/n1', { as })
      expect(body).not.toHaveProperty('lat')
      expect(body).not.toHaveProperty('user_id')
      expect(body).toMatchObject({ node_id: 'n1', status: 'ACTIVE' })
    }
    for (const as of [owner, friend]) {
      const { body } = await ask(served(), '/nodes/n1?hours=3', { as })
      expect(body).toMatchObject({ user_id: owner, lat: 52.5, lon: 13.4 })
      expect((body['series'] as { readonly total_polls: readonly number[] }).total_polls).toHaveLength(3)
    }
  })

  test('what has not changed is answered by 304, and what has, is not', async () => {
    const first = await ask(served(), '/streams/s07')
    const etag = first.headers.get('etag') ?? ''
    const again = await ask(served(), '/streams/s07', { headers: { 'if-none-match': etag } })
    expect([again.status, again.body]).toEqual([304, {}])
    await served().db.updateTable('streams').set({ viewers: 1_000 }).where('stream_id', '=', 's07').execute()
    const changed = await ask(served(), '/streams/s07', { headers: { 'if-none-match': etag } })
    expect([changed.status, changed.body['viewers']]).toEqual([200, 1_000])
  })

  test('what is not there is told as that', async () => {
    for (const path of [
      '/streams/none',
      '/streams/none/nodes',
      '/streams/none/earnings',
      '/streams/none/comments',
      '/nodes/none',
    ])
      expect((await ask(served(), path)).status, path).toBe(404)
  })

  test('while rows come in, a walk gives each that was there once, and none twice', async () => {
    const { db } = served()
    const before = (await walk(served(), '/streams?sort=stream_id', { list: 'streams' })).map((row) => row['stream_id'])
    const rows = await walk(served(), '/streams?limit=2', {
      list: 'streams',
      between: async (page) => {
        // In front of, within and behind where the walk stands.
        for (const viewers of [2_000, 50, 5, 0]) await addStream(db, `late-${page}-${viewers}`, { viewers })
      },
    })
    const seen = rows.map((row) => row['stream_id'])
    expect(new Set(seen).size).toBe(seen.length)
    expect(before.filter((id) => !seen.includes(id))).toEqual([])
  })
})
