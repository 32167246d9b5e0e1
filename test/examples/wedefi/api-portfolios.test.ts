// Portfolios, prices, balances and locks over HTTP: what is answered, what is refused and how, and that who wrote reads it.

import { beforeAll, describe, expect, test } from 'vitest'
import { openService } from '../../../examples/wedefi/src/service.ts'
import { sql } from '../../../src/sql/sql.ts'
import { ask, type Answer, type Asked } from '../support/ask.ts'
import { useServed } from '../support/served.ts'
import { portfolioConfig, putBalances, putTokens, putWallets } from './portfolio-support.ts'
import { riskTemplate } from './risk-support.ts'

const operator = 'an-operator-of-the-tests'
const served = useServed({
  template: riskTemplate,
  open: async ({ url, log }) =>
    await openService({ config: portfolioConfig({ url }), port: 0, background: false, operators: [operator], log }),
})
const headers = { authorization: `Bearer ${operator}` }
const hourMs = 3_600_000
const thisHour = Math.floor(Date.now() / hourMs) * hourMs
const at = (hoursAgo: number, minutes = 0): Date => new Date(thisHour - hoursAgo * hourMs + minutes * 60_000)

beforeAll(async () => {
  const { db } = served().database
  await putWallets(db, 7)
  await putTokens(db, 3)
  await putBalances(db, [
    { wallet: 'w-0', token: 't-0', usd: '75' },
    { wallet: 'w-0', token: 't-1', usd: '25' },
    { wallet: 'w-1', token: 't-2', usd: '3' },
  ])
  await db.query(sql`
    insert into "PriceSnapshot" ("tokenId", "priceUsd", "recordedAt")
    values ('t-0', 1, ${at(3)}), ('t-0', 3, ${at(3, 30)}), ('t-0', 2, ${at(2, 15)}), ('t-0', 5, ${at(1, 59)})`)
  await db.query(sql`
    insert into "PortfolioSnapshot" ("walletId", "capturedAt", "totalUsd")
    values ('w-0', ${at(3)}, 80), ('w-0', ${at(2, 5)}, 120), ('w-0', ${at(2, 50)}, 90), ('w-0', ${at(1, 5)}, 100)`)
  await db.query(sql`
    insert into "GovernanceLock" (id, "walletId", protocol, "tokenId", amount, "votingPower", "unlocksAt")
    values ('l-0', 'w-0', 'curve', 't-0', 3, 1.5, now() + interval '1 year')`)
})

const get = async (path: string, asked: Asked = {}): Promise<Answer> => await ask(served(), path, asked)
const write = async (method: 'PUT' | 'POST', path: string, body: unknown, more: object = headers): Promise<Answer> =>
  await ask(served(), path, { method, body, headers: more as Readonly<Record<string, string>> })

describe('portfolios', () => {
  test('pages by number and by cursor are the same wallets in the same order', async () => {
    const whole = await get('/portfolios?limit=200')
    const ids = (answer: Answer): readonly string[] => (answer.body['data'] as { id: string }[]).map(({ id }) => id)
    expect(whole.body['pagination']).toEqual({ page: 1, limit: 200, total: 7, pages: 1 })
    expect(whole.body['next']).toBeNull()
    const walked: string[] = []
    let next: string | null = ''
    for (let page = 1; next !== null; page++) {
      const byNumber = await get(`/portfolios?limit=3&page=${page}`)
      const byCursor = await get(`/portfolios?limit=3${next === '' ? '' : `&cursor=${next}`}`)
      expect(ids(byCursor)).toEqual(ids(byNumber))
      walked.push(...ids(byCursor))
      next = byCursor.body['next'] as string | null
    }
    expect(walked).toEqual(ids(whole))
    expect((await get('/portfolios?page=99')).body['data']).toEqual([])
  })

  test('filters, totals and holdings', async () => {
    const { body } = await get('/portfolios?minValue=25.00000001')
    expect(body['pagination']).toEqual({ page: 1, limit: 50, total: 1, pages: 1 })
    const [wallet] = body['data'] as readonly Record<string, unknown>[]
    expect(wallet).toMatchObject({ id: 'w-0', totalUsd: '100.00000000', holdings: 2, _count: { balances: 2 } })
    expect(wallet?.['balances']).toMatchObject([
      { tokenId: 't-0', usdValue: '75.00000000', token: { symbol: 'T0' } },
      { tokenId: 't-1', usdValue: '25.00000000' },
    ])
    expect((await get('/portfolios?walletId=w-1')).body['pagination']).toMatchObject({ total: 1 })
    expect((await get('/portfolios?walletId=nobody')).body['pagination']).toMatchObject({ total: 0, pages: 0 })
  })

  test('one, its allocation and a batch', async () => {
    expect((await get('/portfolios/w-0')).body).toMatchObject({
      id: 'w-0',
      balances: [{ tokenId: 't-0' }, { tokenId: 't-1' }],
    })
    expect((await get('/portfolios/w-0/allocation')).body).toEqual({
      walletId: 'w-0',
      totalUsd: '100.00000000',
      allocation: [
        { tokenId: 't-0', symbol: 'T0', name: 'Token 0', usdValue: '75.00000000', share: '0.75000000' },
        { tokenId: 't-1', symbol: 'T1', name: 'Token 1', usdValue: '25.00000000', share: '0.25000000' },
      ],
    })
    expect((await get('/portfolios/w-2/allocation')).body).toEqual({
      walletId: 'w-2',
      totalUsd: '0.00000000',
      allocation: [],
    })
    for (const answer of [
      await get('/portfolios/batch?ids=w-1,w-0,w-0,w-2'),
      await ask(served(), '/portfolios/batch', { body: { walletIds: ['w-1', 'w-0', 'w-2'] } }),
    ]) {
      const found = answer.body['portfolios'] as Record<string, unknown[]>
      expect(Object.entries(found).map(([id, balances]) => [id, balances.length])).toEqual([
        ['w-0', 2],
        ['w-1', 1],
      ])
    }
    for (const path of [
      '/portfolios/nobody',
      '/portfolios/nobody/allocation',
      '/portfolios/nobody/pnl',
      '/governance/nobody',
    ])
      expect([path, (await get(path)).status]).toEqual([path, 404])
  })

  test('gains and losses', async () => {
    const { body } = await get(
      `/portfolios/w-0/pnl?grain=hour&from=${at(2, 10).toISOString()}&to=${at(0).toISOString()}`,
    )
    expect(body).toMatchObject({
      walletId: 'w-0',
      grain: 'hour',
      base: '120.00000000',
      pnl: '-20.00000000',
      percent: -16.6666,
    })
    const flat = (value: string): object => ({ open: value, close: value, low: value, high: value, samples: 1 })
    expect(body['points']).toEqual([
      { bucket: at(2).toISOString(), pnl: '-30.00000000', total: '-30.00000000', ...flat('90.00000000') },
      { bucket: at(1).toISOString(), pnl: '10.00000000', total: '-20.00000000', ...flat('100.00000000') },
    ])
  })

  test('wallets, page by page, and the locks of one', async () => {
    const first = await get('/wallets?limit=5')
    const second = await get(`/wallets?limit=5&cursor=${String(first.body['next'])}`)
    const ids = [first, second].flatMap(({ body }) => (body['wallets'] as { id: string }[]).map(({ id }) => id))
    expect([ids.length, new Set(ids).size, second.body['next']]).toEqual([7, 7, null])
    expect((await get('/governance/w-0')).body).toMatchObject({
      walletId: 'w-0',
      locks: [{ id: 'l-0', amount: '3.000000000000000000' }],
    })
    expect((await get('/governance/w-1')).body).toEqual({ walletId: 'w-1', locks: [] })
  })
})

describe('prices', () => {
  test('the latest, and histories by hours and one by one', async () => {
    expect((await get('/prices/t-0')).body).toEqual({ tokenId: 't-0', priceUsd: '5.000000000000' })
    expect((await get('/prices/t-1')).body.error).toMatchObject({
      code: 'NOT_FOUND',
      message: 'There is no such price',
    })
    expect((await get('/prices/nothing')).body.error).toMatchObject({ message: 'There is no such token' })
    const hours = await get(`/prices/t-0/history?grain=hour&from=${at(3).toISOString()}`)
    expect((hours.body['points'] as { close: string }[]).map(({ close }) => close)).toEqual([
      '3.000000000000',
      '2.000000000000',
      '5.000000000000',
    ])
    const raw: string[] = []
    let next: string | null = ''
    while (next !== null) {
      const cursor = next === '' ? '' : `&cursor=${next}`
      const { body, status } = await get(`/prices/t-0/history?grain=raw&limit=1&from=${at(3).toISOString()}${cursor}`)
      expect(status).toBe(200)
      raw.push(...(body['prices'] as { priceUsd: string }[]).map(({ priceUsd }) => String(Number(priceUsd))))
      next = body['next'] as string | null
    }
    expect(raw).toEqual(['1', '3', '2', '5'])
  })

  test('one by one are those of a token that there is, of a month at most, and a cursor leads no further', async () => {
    const month = `from=2025-01-01T00:00:00Z&to=2025-02-01T00:00:00Z`
    const unknown = await get(`/prices/nobody/history?grain=raw&${month}`)
    expect([unknown.status, unknown.body.error?.message]).toEqual([404, 'There is no such token'])
    expect((await get(`/prices/t-0/history?grain=raw&${month}`)).body).toMatchObject({ prices: [], next: null })
    const long = await get('/prices/t-0/history?grain=raw&from=2025-01-01T00:00:00Z&to=2025-02-01T00:00:01Z')
    expect([long.status, long.body.error]).toMatchObject([400, { details: { where: 'query.from' } }])
    const cursorOf = (...keys: unknown[]): string => Buffer.from(JSON.stringify(keys)).toString('base64url')
    const ask = async (...keys: unknown[]): Promise<Answer> =>
      await get(`/prices/t-0/history?grain=raw&from=${at(2).toISOString()}&cursor=${cursorOf(...keys)}`)
    const whole = [{ priceUsd: '2.000000000000' }, { priceUsd: '5.000000000000' }]
    expect((await ask('2009-01-03T00:00:00.000Z', 1)).body['prices']).toMatchObject(whole)
    expect((await ask('2999-01-01T00:00:00.000Z', 1)).body).toMatchObject({ prices: [], next: null })
    for (const known of [1e10, 1_001, 0, -1, 0.5])
      expect([known, (await ask(at(2, 15).toISOString(), known)).status]).toEqual([known, 400])
    expect((await ask('2026-01-01T99:99:99Z', 1)).status).toBe(400)
  })

  test('a batch comes in once, whole or not at all', async () => {
    const prices = [
      { tokenId: 't-1', priceUsd: '10', recordedAt: at(1).toISOString() },
      { tokenId: 't-1', priceUsd: '11', recordedAt: at(1, 5).toISOString() },
    ]
    const first = await write('POST', '/prices', { prices })
    expect([first.status, first.body]).toEqual([201, { stored: 2, known: 0 }])
    expect((await write('POST', '/prices', { prices })).body).toEqual({ stored: 0, known: 2 })
    expect((await get('/prices/t-1')).body).toMatchObject({ priceUsd: '11.000000000000' })
    const [one] = prices
    for (const twice of [
      [one, { ...one, priceUsd: '12' }],
      [
        { tokenId: 't-1', priceUsd: '1' },
        { tokenId: 't-1', priceUsd: '2' },
      ],
    ])
      expect((await write('POST', '/prices', { prices: twice })).body.error).toMatchObject({
        details: { where: 'body.prices' },
      })
    const unknown = await write('POST', '/prices', { prices: [...prices, { tokenId: 'nothing', priceUsd: '1' }] })
    expect([unknown.status, unknown.body.error?.code]).toEqual([400, 'BAD_INPUT'])
    const old = await write('POST', '/prices', {
      prices: [{ tokenId: 't-1', priceUsd: '1', recordedAt: at(24 * 8).toISOString() }],
    })
    expect(old.status).toBe(400)
  })
})

describe('balances', () => {
  const body = { walletId: 'w-3', tokenId: 't-0', quantity: '2', usdValue: '10' }

  test('an operator writes one, who asks afterwards reads it, and an older one is not stored', async () => {
    await get('/portfolios/w-3')
    const written = await write('PUT', '/balances', body)
    expect([written.status, written.body]).toMatchObject([
      200,
      { isStored: true, balance: { usdValue: '10.00000000' } },
    ])
    expect((await get('/portfolios/w-3')).body).toMatchObject({ balances: [{ usdValue: '10.00000000' }] })
    const cookie = (written.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    const page = await get('/portfolios?walletId=w-3', { headers: { cookie } })
    expect(page.body['data']).toMatchObject([{ totalUsd: '10.00000000' }])
    const older = await write('PUT', '/balances', { ...body, usdValue: '1', updatedAt: '2026-01-01T00:00:00Z' })
    expect(older.body).toMatchObject({ isStored: false, balance: { usdValue: '10.00000000' } })
  })

  test('nobody else writes anything', async () => {
    for (const more of [{}, { authorization: 'Bearer another-token-of-somebody' }, { authorization: operator }])
      for (const [method, path, sent] of [
        ['PUT', '/balances', body],
        ['POST', '/prices', { prices: [{ tokenId: 't-0', priceUsd: '1' }] }],
      ] as const) {
        const answer = await write(method, path, sent, more)
        expect([path, answer.status, answer.body.error?.code]).toEqual([path, 401, 'UNAUTHORIZED'])
      }
  })
})

test('what cannot be meant is refused with what was expected, and no value of it', async () => {
  const bad: readonly (readonly [string, string])[] = [
    ['/portfolios?page=0', 'query.page'],
    ['/portfolios?limit=201', 'query.limit'],
    ['/portfolios?minValue=-1', 'query.minValue'],
    ['/portfolios?minValue=secret', 'query.minValue'],
    ['/portfolios?cursor=secret', 'query.cursor'],
    ['/portfolios?color=secret', 'query'],
    ['/portfolios/batch?ids=', 'query.ids'],
    [`/portfolios/batch?ids=${Array.from({ length: 201 }, (_, n) => n).join(',')}`, 'query.ids'],
    ['/portfolios/w-0/pnl?grain=second', 'query.grain'],
    ['/portfolios/w-0/pnl?from=secret', 'query.from'],
    [`/portfolios/w-0/pnl?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z`, 'query.to'],
    ['/portfolios/w-0/pnl?grain=hour&from=2020-01-01T00:00:00Z', 'grain'],
    ['/prices/t-0/history?grain=hour&from=2020-01-01T00:00:00Z', 'query.grain'],
    ['/prices/t-0/history?cursor=secret', 'query.cursor'],
    ['/wallets?limit=0', 'query.limit'],
    [`/wallets?cursor=${Buffer.from('["2026-02-31T00:00:00Z","w-0"]').toString('base64url')}`, 'query.cursor'],
  ]
  for (const [path, where] of bad) {
    const { status, body } = await get(path)
    expect([path, status, body.error]).toMatchObject([path, 400, { code: 'BAD_INPUT', details: { where } }])
    expect(JSON.stringify(body)).not.toContain('secret')
  }
  const balance = { walletId: 'w-0', tokenId: 't-0', quantity: '1', usdValue: '1' }
  for (const wrong of [
    { quantity: '-1' },
    { usdValue: 'secret' },
    { quantity: 1 },
    { usdValue: '1'.repeat(17) },
    { color: 'secret' },
  ]) {
    const { status, body } = await write('PUT', '/balances', { ...balance, ...wrong })
    expect(status).toBe(400)
    expect(JSON.stringify(body)).not.toContain('secret')
  }
  expect((await write('PUT', '/balances', { ...balance, walletId: 'nobody' })).status).toBe(404)
  expect(served().lines).toEqual([])
})
