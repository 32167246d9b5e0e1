// Payouts over HTTP: previews that agree whichever way they are computed, paying once, runs with their lines, and the ledger.

import { beforeAll, expect, test } from 'vitest'
import { addNode, addStream, addUser, ask, operatorWallet, useService, walk, type Answer } from './service-support.ts'

const served = useService()
const people = { operator: '', user: '' }
/** Half past an hour ago: within what has partitions, and not at the edge of an hour. */
const asOf = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000).toISOString()

beforeAll(async () => {
  const { db } = served()
  people.operator = await addUser(db, 'operator', operatorWallet)
  people.user = await addUser(db, 'user')
  await addStream(db, 'music', { reward: '1000000000000000000000001', balance: '9000000000000000000000000' })
  await addStream(db, 'talk', { reward: '100', balance: '40' })
  await addStream(db, 'quiet', { viewers: 0 })
  for (const [stream, count] of [
    ['music', 7],
    ['talk', 3],
    ['quiet', 1],
  ] as const)
    for (let n = 0; n < count; n++) {
      const node = await addNode(db, `${stream}-${n}`, { stream })
      for (let poll = 0; poll < 6; poll++)
        await db
          .insertInto('probe_results')
          .values({
            stream_id: stream,
            node_id: node,
            probe_type: 'stats_poll',
            success: poll >= n % 4,
            response_data: null,
            error_message: null,
            probe_timestamp: new Date(new Date(asOf).getTime() - (poll * 9 + 1) * 60_000),
          })
          .execute()
    }
})

const preview = (query: string, as?: string): Promise<Answer> => ask(served(), `/payouts?as_of=${asOf}${query}`, { as })

test('a preview says what each stream would pay: its reward, or what it has', async () => {
  const { status, body } = await preview('')
  expect([status, body]).toEqual([
    200,
    {
      as_of: asOf,
      hours_back: 1,
      by: 'rollup',
      total: '1000000000000000000000041',
      streams: [
        { stream_id: 'music', pool: '1000000000000000000000001', paid: '1000000000000000000000001', nodes: 7 },
        { stream_id: 'talk', pool: '40', paid: '40', nodes: 3 },
      ],
    },
  ])
})

test('all three ways give the same, those of many statements to operators', async () => {
  const { by: _, ...expected } = (await preview('&hours_back=2')).body
  for (const way of ['single-query', 'n-plus-one']) {
    expect((await preview(`&hours_back=2&by=${way}`, people.user)).status).toBe(403)
    const { by, ...body } = (await preview(`&hours_back=2&by=${way}`, people.operator)).body
    expect([by, body]).toEqual([way, expected])
  }
})

test('of one stream the nodes come in pages, and their amounts sum up to the pool', async () => {
  const nodes = await walk(served(), `/payouts?as_of=${asOf}&stream_id=music&limit=3`, { list: 'nodes' })
  expect(nodes.map((node) => node['node_id'])).toEqual(Array.from({ length: 7 }, (_, n) => `music-${n}`))
  expect(nodes.reduce((sum, node) => sum + BigInt(node['amount'] as string), 0n)).toBe(1000000000000000000000001n)
  expect((await preview('&stream_id=none')).body).toMatchObject({ pool: '0', paid: '0', nodes: [], next: null })
})

test('what is paid is paid once, also when two ask at once, and everybody can follow it', async () => {
  const pay = (): Promise<Answer> => ask(served(), `/payouts?as_of=${asOf}`, { as: people.operator, method: 'POST' })
  expect((await ask(served(), '/payouts/runs')).body).toEqual({ runs: [], next: null })
  const both = await Promise.all([pay(), pay()])
  expect(both.map(({ status }) => status).toSorted()).toEqual([200, 201])
  const again = await pay()
  expect([again.status, again.body]).toMatchObject([
    200,
    { is_new: false, total: '1000000000000000000000041', nodes: 10 },
  ])
  const runId = again.body['run_id'] as string
  expect((await ask(served(), '/payouts/runs?fields=run_id,total')).body['runs']).toEqual([
    { run_id: runId, total: '1000000000000000000000041' },
  ])
  const lines = await walk(served(), `/payouts/${runId}?limit=4`, { list: 'lines' })
  expect(lines.map((line) => [line['stream_id'], line['node_id']].join(' '))).toEqual([
    ...Array.from({ length: 7 }, (_, n) => `music music-${n}`),
    ...Array.from({ length: 3 }, (_, n) => `talk talk-${n}`),
  ])
  expect((await ask(served(), `/payouts/${runId}?stream_id=talk`)).body['lines']).toHaveLength(3)
  const ledger = await ask(served(), '/ledger/stream:talk')
  expect(ledger.body).toMatchObject({
    account: 'stream:talk',
    balance: '-40',
    entries: [{ run_id: runId, amount: '-40' }],
  })
  const node = await ask(served(), '/ledger/node:music-0?fields=amount')
  expect(node.body['entries']).toEqual([{ amount: lines[0]?.['amount'] }])
  expect((await ask(served(), '/streams/talk')).body).toMatchObject({ token_balance: '0' })
})

test('what is not there is told as that', async () => {
  for (const path of ['/payouts/999999', '/ledger/node:none']) expect((await ask(served(), path)).status).toBe(404)
})
