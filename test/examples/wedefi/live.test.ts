// Live events as a page gets them: from the WAL of a real server, through the service, by its route and with its rules of who may hear what.
// What a price, a balance or an alert changes reaches who listens; what is of another wallet does not.

import { beforeAll, expect, onTestFinished, test } from 'vitest'
import type { TopicSpec } from 'pgstrata'
import { followLive } from 'pgstrata/live-client/node'
import { openService } from '../../../examples/wedefi/src/service.ts'
import { waitUntil } from '../../support/wait.ts'
import { ask } from '../support/ask.ts'
import { operator, pageConfig, setPrice, usePageService, write } from './page-support.ts'
import { putTokens, putWallets } from './portfolio-support.ts'

const service = usePageService()

beforeAll(async () => {
  const { strata } = service()
  await putWallets(strata, 3)
  await putTokens(strata, 3)
})

interface Heard {
  /** 'refresh', or what became of which key. */
  readonly events: string[]
  readonly rows: (Readonly<Record<string, unknown>> | undefined)[]
  readonly ids: string[]
  /** Beside each row. */
  readonly kinds: string[]
}

/** Connected when it returns. */
async function listen(topics: readonly TopicSpec[]): Promise<Heard> {
  const heard: Heard = { events: [], rows: [], ids: [], kinds: [] }
  const client = followLive({
    url: `${service().url}/live`,
    subscriptions: topics.map((topic) => ({
      topic,
      onChange: ({ kind, key, row, id }) => {
        heard.events.push(`${kind} ${Object.values(key ?? {}).join(' ')}`.trim())
        heard.rows.push(row)
        heard.ids.push(id)
        heard.kinds.push(kind)
      },
      onList: ({ rows }) => void heard.events.push(`list ${JSON.stringify(rows)}`),
    })),
    onRefresh: () => void heard.events.push('refresh'),
  })
  onTestFinished(() => client.close())
  await waitUntil(() => heard.events.includes('refresh'), { what: 'it is connected' })
  return heard
}

const hears = (heard: Heard, event: RegExp): Promise<unknown> =>
  waitUntil(() => heard.events.some((one) => event.test(one)), { what: `an event like ${event.source}` })

async function balance(walletId: string, usdValue: string): Promise<void> {
  const body = { walletId, tokenId: 't-0', quantity: '1', usdValue }
  expect((await write(service(), '/balances', { method: 'PUT', body })).status).toBe(200)
}

test('a price reaches who follows its token, and whoever follows all; who fetches with its id reads at least that', async () => {
  const one = await listen([{ table: 'PriceSnapshot', key: { tokenId: 't-1' } }])
  const all = await listen([{ table: 'PriceSnapshot' }])
  await setPrice(service(), 't-0', '7')
  await hears(all, /^insert t-0 /)
  await setPrice(service(), 't-1', '12.5')
  await hears(one, /^insert t-1 /)
  expect(one.events.some((event) => event.includes('t-0'))).toBe(false)
  expect(one.rows[0]).toEqual({ tokenId: 't-1', priceUsd: '12.500000000000' })
  const { body } = await ask(service(), '/prices/t-1', { headers: { 'x-event-id': one.ids[0] ?? '' } })
  expect(body).toMatchObject({ tokenId: 't-1', priceUsd: '12.500000000000' })
})

test('what is counted of prices by the hour is told of its token', async () => {
  const heard = await listen([{ rollup: 'price_hourly', by: { tokenId: 't-2' } }])
  await setPrice(service(), 't-2', '3')
  await hears(heard, /^changed/)
})

test('a balance reaches who follows its wallet, and nobody who follows another', async () => {
  const [first, second] = [
    await listen([{ table: 'TokenBalance', key: { walletId: 'w-0' } }]),
    await listen([{ table: 'TokenBalance', key: { walletId: 'w-1' } }]),
  ]
  await balance('w-0', '100')
  await hears(first, /^insert w-0 t-0/)
  await balance('w-1', '50')
  await hears(second, /^insert w-1 t-0/)
  expect(second.events.join()).not.toContain('w-0')
  expect(first.events.join()).not.toContain('w-1')
  expect(first.rows[0]).toMatchObject({ usdValue: '100.00000000' })
})

test('the list of the largest comes again when it is another one', async () => {
  const heard = await listen([{ top: 'wallet_holdings', orderBy: 'totalUsd', limit: 1 }])
  await balance('w-2', '9000000')
  await hears(heard, /^list .*w-2/)
})

test('the values of a portfolio are told of its wallet', async () => {
  const heard = await listen([{ rollup: 'portfolio_hourly', by: { walletId: 'w-0' } }])
  await service().strata.query({
    text: 'insert into "PortfolioSnapshot" ("walletId", "totalUsd") values ($1, $2)',
    values: ['w-0', '100'],
  })
  await hears(heard, /^changed/)
})

test('an alert that fires is told with what was measured, once', async () => {
  const body = { kind: 'price', metric: 'priceUsd', direction: 'above', threshold: '40', rearm: '30', tokenId: 't-0' }
  const alert = await write(service(), '/alerts', { body })
  const heard = await listen([
    { table: 'AlertEvent', where: { alertId: String(alert.body['id']) } },
    { table: 'Alert', key: { id: String(alert.body['id']) } },
  ])
  await setPrice(service(), 't-0', '41.25')
  await waitUntil(() => heard.rows.some((row) => row?.['value'] !== undefined), {
    what: 'it fires',
    timeoutMs: 20_000,
  })
  await waitUntil(() => heard.rows.some((row) => row?.['status'] === 'fired'), { what: 'it is fired' })
  // That the alert was added may be told as well.
  const inserts = heard.rows.filter((row, index) => heard.kinds[index] === 'insert' && row?.['value'] !== undefined)
  expect(inserts).toMatchObject([{ alertId: alert.body['id'], episode: '1', value: '41.250000000000' }])
})

test('nobody listens to all wallets at once, or to what is not told of', async () => {
  const statusOf = async (topics: readonly unknown[]): Promise<number> => {
    const stop = new AbortController()
    const { status } = await fetch(`${service().url}/live?topics=${encodeURIComponent(JSON.stringify(topics))}`, {
      signal: stop.signal,
    })
    stop.abort()
    return status
  }
  for (const topic of [
    { table: 'TokenBalance' },
    { table: 'TokenBalance', key: { tokenId: 't-0' } },
    { rollup: 'portfolio_hourly' },
  ])
    expect([topic, await statusOf([topic])]).toEqual([topic, 403])
  expect(await statusOf([{ table: 'PriceSnapshot' }, { table: 'TokenBalance' }])).toBe(403)
  for (const topic of [{ table: 'Wallet' }, { table: 'GovernanceLock' }, { rollup: 'wallets_by_value' }])
    expect([topic, await statusOf([topic])]).toEqual([topic, 400])
  expect(await statusOf([{ table: 'TokenBalance', key: { walletId: ['w-0', 'w-1'] } }])).toBe(200)
})

test('when the service ends, streams end with it at once', async () => {
  const url = service().strata.config.pool.connectionString
  const other = await openService({ config: pageConfig(url), port: 0, background: false, operators: [operator] })
  const response = await fetch(`${other.url}/live?topics=${encodeURIComponent('[{"table":"PriceSnapshot"}]')}`)
  const ended = response.text()
  await other.close()
  expect(await ended).toContain('retry:')
  await expect(fetch(`${other.url}/health/live`)).rejects.toThrow('fetch failed')
})
