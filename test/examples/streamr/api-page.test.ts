// What the page asks for besides what the other endpoints tell: earnings of oneself and of friends, streams by their nodes, accounts that
// were never paid, reads that name an event; and the page itself.

import { beforeAll, expect, test } from 'vitest'
import { addNode, addStream, addUser, ask, befriend, operatorWallet, useService, walk } from './service-support.ts'

const served = useService()
const people = { me: '', friend: '', stranger: '' }
const hourMs = 3_600_000
const asOfMs = Math.floor(Date.now() / hourMs) * hourMs

beforeAll(async () => {
  const { db } = served()
  for (let n = 0; n < 9; n++) await addStream(db, `s${n}`, { reward: '1000', balance: '5000' })
  people.me = await addUser(db, 'me', operatorWallet)
  people.friend = await addUser(db, 'friend')
  people.stranger = await addUser(db, 'stranger')
  await befriend(db, people.friend, people.me)
  for (const [id, stream, owner] of [
    ['mine-a', 's7', people.me],
    ['mine-b', 's3', people.me],
    ['theirs', 's7', people.friend],
    ['others', 's7', people.stranger],
    ['lonely', 's5', null],
  ] as const)
    await addNode(db, id, { stream, owner })
  for (const [node, stream] of [
    ['mine-a', 's7'],
    ['theirs', 's7'],
    ['others', 's7'],
    ['mine-b', 's3'],
  ] as const)
    for (let poll = 0; poll < 6; poll++)
      await db
        .insertInto('probe_results')
        .values({
          stream_id: stream,
          node_id: node,
          probe_type: 'stats_poll',
          success: true,
          response_data: null,
          error_message: null,
          probe_timestamp: new Date(asOfMs - (poll + 1) * 60_000),
        })
        .execute()
})

test('nobody has earnings, and who was never paid has none', async () => {
  expect((await ask(served(), '/earnings')).status).toBe(401)
  const { body } = await ask(served(), '/earnings', { as: people.me })
  expect(body).toMatchObject({
    as_of: null,
    own: { nodes: 2, active: 2, amount: '0' },
    friends: { nodes: 1, amount: '0' },
  })
})

test('earnings are those of the ledger: of one’s own nodes, and of friends, not of others', async () => {
  expect(
    (await ask(served(), `/payouts?as_of=${new Date(asOfMs).toISOString()}`, { as: people.me, method: 'POST' })).status,
  ).toBe(201)
  const balanceOf = async (node: string): Promise<bigint> =>
    BigInt((await ask(served(), `/ledger/node:${node}`)).body['balance'] as string)
  const { body } = await ask(served(), '/earnings', { as: people.me })
  const own = (await balanceOf('mine-a')) + (await balanceOf('mine-b'))
  const friends = await balanceOf('theirs')
  expect(own).toBeGreaterThan(1_300n)
  // No merge has run: it is what is exact, not what is gathered.
  expect((await ask(served(), '/nodes/mine-a')).body['paid']).toMatchObject({
    amount: String(await balanceOf('mine-a')),
    payouts: '1',
  })
  expect(body['own']).toEqual({
    nodes: 2,
    active: 2,
    amount: String(own),
    amount_1d: String(own),
    amount_last: String(own),
  })
  expect(body['friends']).toMatchObject({ nodes: 1, amount: String(friends), amount_last: String(friends) })
  expect(body['as_of']).toBe(new Date(asOfMs).toISOString())
})

test('a stream or a node that was never paid has an account, and others have none', async () => {
  for (const account of ['node:lonely', 'stream:s0'])
    expect((await ask(served(), `/ledger/${account}`)).body).toEqual({ account, balance: '0', entries: [], next: null })
  for (const account of ['node:s0', 'stream:lonely', 'lonely', 'node:'])
    expect((await ask(served(), `/ledger/${account}`)).status).toBe(404)
})

test('streams by their nodes, page by page', async () => {
  const rows = await walk(served(), '/streams?sort=nodes&limit=2&fields=stream_id,nodes', { list: 'streams' })
  expect(rows.map((row) => row['stream_id'])).toEqual(['s7', 's3', 's5', 's0', 's1', 's2', 's4', 's6', 's8'])
  expect(rows.slice(0, 4).map((row) => row['nodes'])).toEqual([3, 1, 1, 0])
})

test('an id that no event carried changes nothing', async () => {
  for (const id of ['x', '1-FFFFFFFF/FFFFFFFF-0', "'; select 1"]) {
    const { status, body } = await ask(served(), '/streams?limit=1&fields=stream_id', { headers: { 'x-event-id': id } })
    expect([status, body['streams']]).toEqual([200, [{ stream_id: 's0' }]])
  }
})

test('the page and all that it loads are served, each as what it is', async () => {
  const html = await fetch(`${served().url}/`)
  expect(html.headers.get('content-type')).toBe('text/html; charset=utf-8')
  const seen = new Set<string>()
  const load = async (path: string): Promise<void> => {
    if (seen.has(path)) return
    seen.add(path)
    const response = await fetch(`${served().url}${path}`)
    expect([path, response.status]).toEqual([path, 200])
    const text = await response.text()
    if (!path.endsWith('.js') || path.startsWith('/kit/uplot')) return
    for (const [, from = ''] of text.matchAll(/^(?:import|export) [^'"]*?from '([^']+)'/gm))
      await load(new URL(from, `http://app${path}`).pathname)
  }
  for (const [, path = ''] of (await html.text()).matchAll(/(?:href|src)="(\/[^"]+)"/g)) await load(path)
  expect([...seen]).toEqual(expect.arrayContaining(['/page/page.css', '/page/map.js', '/kit/live/index.js']))
})
