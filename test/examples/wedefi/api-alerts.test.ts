// Alerts over HTTP: defining them, what is refused, changing and removing them, and what they came to.

import { beforeAll, expect, test } from 'vitest'
import { evaluateAlerts } from '../../../examples/wedefi/src/alerts/evaluate.ts'
import { openService } from '../../../examples/wedefi/src/service.ts'
import { ask as askAnybody, type Answer, type Asked } from '../support/ask.ts'
import { useServed } from '../support/served.ts'
import { addHoldings, addPrices, addTokens, addWallets, riskConfig, riskTemplate } from './risk-support.ts'

const operator = 'an-operator-of-the-tests'

const served = useServed({
  template: riskTemplate,
  open: async ({ url, log }) =>
    await openService({ config: riskConfig(url), port: 0, background: false, operators: [operator], log }),
})

async function ask(path: string, asked: Asked & { readonly as?: string } = {}): Promise<Answer> {
  const { as = operator, ...rest } = asked
  return await askAnybody(served(), path, { ...rest, headers: { authorization: `Bearer ${as}` } })
}

const price = {
  kind: 'price',
  metric: 'priceUsd',
  direction: 'above',
  threshold: '100',
  rearm: '95.5',
  tokenId: 'coin',
} as const

async function create(given: object = price): Promise<Answer> {
  return await ask('/alerts', { body: given })
}

const idOf = ({ body }: Answer): string => String(body['id'])
const change = async (id: string, body: object): Promise<Answer> =>
  await ask(`/alerts/${id}`, { method: 'PATCH', body })

beforeAll(async () => {
  const { db } = served().database
  await addTokens(db, ['coin', 'other', 'third'])
  await addWallets(db, ['purse'])
  await addHoldings(db, [{ wallet: 'purse', token: 'coin', usd: '50' }])
})

test('an operator defines an alert, everybody reads it', async () => {
  const made = await create()
  expect([made.status, made.body]).toEqual([
    201,
    {
      ...price,
      id: expect.stringMatching(/^\d+$/) as unknown,
      walletId: null,
      symbol: 'coin',
      label: null,
      address: null,
      status: 'armed',
      episode: 0,
      firedAt: null,
      createdAt: expect.stringMatching(/^20.*Z$/) as unknown,
    },
  ])
  expect((await ask(`/alerts/${idOf(made)}`, { as: 'anybody' })).body).toEqual(made.body)
})

test('only operators define, change and remove', async () => {
  const made = await create()
  for (const as of ['somebody', ''])
    for (const [path, asked] of [
      ['/alerts', { body: price }],
      [`/alerts/${idOf(made)}`, { method: 'PATCH', body: { status: 'paused' } }],
      [`/alerts/${idOf(made)}`, { method: 'DELETE' }],
    ] as const)
      expect((await ask(path, { ...asked, as })).status).toBe(401)
  expect((await ask(`/alerts/${idOf(made)}`)).body['status']).toBe('armed')
})

test.each([
  ['a metric of another kind', { ...price, metric: 'totalUsd' }, 'body.metric'],
  ['a price of no token', { ...price, tokenId: undefined }, 'body.tokenId'],
  ['a price of a wallet', { ...price, walletId: 'purse' }, 'body.tokenId'],
  ['a portfolio of a token', { ...price, kind: 'portfolio', metric: 'totalUsd' }, 'body.walletId'],
  ['a risk of both', { ...price, kind: 'risk', metric: 'var95:30d', walletId: 'purse' }, 'body'],
  ['a risk of neither', { ...price, kind: 'risk', metric: 'var95:30d', tokenId: undefined }, 'body'],
  ['a risk without its time', { ...price, kind: 'risk', metric: 'var95' }, 'body.metric'],
  ['armed again beyond the threshold', { ...price, rearm: '100.000000000000000001' }, 'body.rearm'],
  ['armed again below one that it fires below', { ...price, direction: 'below' }, 'body.rearm'],
  ['a number that is no text', { ...price, threshold: true }, 'body.threshold'],
  ['a number', { ...price, threshold: 100 }, 'body'],
  ['no decimal', { ...price, threshold: '1e9' }, 'body.threshold'],
  ['not a number', { ...price, threshold: 'NaN' }, 'body.threshold'],
  ['a token that there is not', { ...price, tokenId: 'nowhere' }, 'body'],
  ['a field that there is not', { ...price, status: 'fired' }, 'body'],
  ['a missing field', { ...price, rearm: undefined }, 'body'],
])('is refused: %s', async (_, given, where) => {
  const answer = await create(given)
  expect([answer.status, answer.body.error]).toMatchObject([400, { code: 'BAD_INPUT', details: { where } }])
  expect(JSON.stringify(answer.body)).not.toContain('nowhere')
})

test('what is there already fires once; a change, and arming by hand, look at it anew', async () => {
  const { db } = served().database
  await addPrices(db, [{ token: 'coin', atMs: Date.now() - 60_000, price: '150' }])
  const id = idOf(await create())
  const evaluate = async (): Promise<number> => {
    await evaluateAlerts(db)
    return Number((await ask(`/alerts/${id}`)).body['episode'])
  }
  expect(await evaluate()).toBe(1)
  expect(await evaluate()).toBe(1)
  const raised = await change(id, { threshold: '200' })
  expect([raised.status, raised.body]).toMatchObject([
    200,
    { threshold: '200', rearm: '95.5', status: 'armed', episode: 1 },
  ])
  expect(await evaluate()).toBe(1)
  await change(id, { threshold: '149.999999' })
  expect(await evaluate()).toBe(2)
  expect((await change(id, { status: 'paused' })).body).toMatchObject({ status: 'paused' })
  await change(id, { threshold: '10', rearm: '5' })
  expect(await evaluate()).toBe(2)
  expect((await change(id, { status: 'armed' })).body).toMatchObject({ status: 'armed' })
  expect(await evaluate()).toBe(3)
  const { body } = await ask(`/alerts/events?alertId=${id}`, { as: 'anybody' })
  expect(body).toMatchObject({
    next: null,
    events: [
      { alertId: id, episode: 3, value: '150.000000000000', deliveredAt: null, attempts: 0 },
      { episode: 2 },
      { episode: 1 },
    ],
  })
})

test('a change that leaves the threshold as it is leaves the episode as it is, however often it comes', async () => {
  const { db } = served().database
  await addPrices(db, [{ token: 'third', atMs: Date.now() - 60_000, price: '150' }])
  const id = idOf(await create({ ...price, tokenId: 'third' }))
  await evaluateAlerts(db)
  for (const same of [{ rearm: '90' }, { status: 'armed' }, { threshold: '100.0', rearm: '90' }, { rearm: '80' }]) {
    expect((await change(id, same)).body).toMatchObject({ status: 'fired', episode: 1 })
    await evaluateAlerts(db)
    expect((await ask(`/alerts/${id}`)).body).toMatchObject({ status: 'fired', episode: 1 })
  }
  // Resumed, and once more, as when the first answer was lost: one episode.
  await change(id, { status: 'paused' })
  await change(id, { status: 'armed' })
  await evaluateAlerts(db)
  await change(id, { status: 'armed' })
  await evaluateAlerts(db)
  expect((await ask(`/alerts/${id}`)).body).toMatchObject({ status: 'fired', episode: 2 })
  expect((await change(id, { rearm: 80 })).body.error).toMatchObject({ code: 'BAD_INPUT', details: { where: 'body' } })
})

test('a change is refused that would leave it without a way back, that changes nothing, or that is of nothing', async () => {
  const id = idOf(await create())
  expect((await change(id, { threshold: '90' })).body.error).toMatchObject({
    code: 'BAD_INPUT',
    details: { where: 'body.rearm' },
  })
  expect((await change(id, {})).status).toBe(400)
  expect((await change(id, { status: 'fired' })).status).toBe(400)
  expect((await change('999999999', { status: 'paused' })).status).toBe(404)
  expect((await ask('/alerts/999999999')).status).toBe(404)
  expect((await ask('/alerts/one')).status).toBe(400)
})

test('what is removed is gone with its events', async () => {
  const { db } = served().database
  const id = idOf(await create({ ...price, threshold: '1', rearm: '1' }))
  await evaluateAlerts(db)
  expect((await ask(`/alerts/events?alertId=${id}`)).body['events']).toHaveLength(1)
  expect((await ask(`/alerts/${id}`, { method: 'DELETE' })).status).toBe(204)
  expect((await ask(`/alerts/${id}`, { method: 'DELETE' })).status).toBe(404)
  expect((await ask(`/alerts/events?alertId=${id}`)).body['events']).toEqual([])
})

test('lists come in pages, the newest first, and by what they are about', async () => {
  const made: string[] = []
  for (let n = 0; n < 5; n++) {
    made.unshift(
      idOf(await create({ ...price, kind: 'portfolio', metric: 'totalUsd', tokenId: undefined, walletId: 'purse' })),
    )
  }
  const found: unknown[] = []
  let next: string | null = ''
  while (next !== null) {
    const { status, body } = await ask(`/alerts?walletId=purse&kind=portfolio&status=armed&limit=2&cursor=${next}`)
    expect(status).toBe(200)
    found.push(...(body['alerts'] as { readonly id: string }[]).map(({ id }) => id))
    next = body['next'] as string | null
  }
  expect(found).toEqual(made)
  expect((await ask('/alerts?tokenId=other')).body).toEqual({ alerts: [], next: null })
  expect((await ask('/alerts?cursor=nonsense')).status).toBe(400)
  expect((await ask('/alerts?kind=weather')).status).toBe(400)
  expect((await ask('/alerts/events?limit=101')).status).toBe(400)
})
