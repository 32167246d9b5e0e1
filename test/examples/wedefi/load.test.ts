// A load of what pages and whoever watches the chains ask, for a few seconds: every request is answered as it should be, what was written is
// there, and nothing is left over.

import { beforeAll, expect, test } from 'vitest'
import { openService } from '../../../examples/wedefi/src/service.ts'
import { sql } from '../../../src/sql/sql.ts'
import { scaled } from '../../support/property.ts'
import { ask as askAnybody, type Answer } from '../support/ask.ts'
import { runLoad } from '../support/load.ts'
import { useServed } from '../support/served.ts'
import { operator } from './page-support.ts'
import { putBalances, putTokens, putWallets } from './portfolio-support.ts'
import { riskConfig, riskTemplate } from './risk-support.ts'

const people = 20
const coins = 8

const served = useServed({
  template: riskTemplate,
  open: async ({ url, log }) =>
    await openService({ config: riskConfig(url), port: 0, background: false, operators: [operator], log }),
})

async function ask(path: string, method?: 'PUT' | 'POST', body?: object): Promise<Answer> {
  return await askAnybody(served(), path, {
    ...(method === undefined ? {} : { method, body }),
    headers: { authorization: `Bearer ${operator}` },
  })
}

beforeAll(async () => {
  const { db } = served().database
  await putWallets(db, people)
  await putTokens(db, coins)
  await putBalances(
    db,
    Array.from({ length: people * coins }, (_, n) => ({
      wallet: `w-${n % people}`,
      token: `t-${Math.floor(n / people)}`,
      usd: String(100 + n),
    })),
  )
  for (let n = 0; n < coins; n++)
    await ask('/prices', 'POST', { prices: [{ tokenId: `t-${n}`, priceUsd: String(n + 1) }] })
})

test('an open-loop load has no errors, and leaves nothing behind', async () => {
  const requests = scaled(300)
  const wallet = (round: number): string => `w-${round % people}`
  const coin = (round: number): string => `t-${round % coins}`
  const beganMs = Date.now() - 3_600_000
  /** How often each comes is as it stands here. */
  const mix = [
    () => ask('/portfolios?limit=20&minValue=150'),
    (round: number) => ask(`/portfolios/${wallet(round)}`),
    (round: number) => ask(`/portfolios/batch?ids=${wallet(round)},${wallet(round + 1)}`),
    (round: number) => ask(`/portfolios/${wallet(round)}/pnl?grain=hour`),
    (round: number) => ask(`/risk/portfolios/${wallet(round)}?timeframe=7d`),
    (round: number) => ask(`/prices/${coin(round)}`),
    () => ask('/overview'),
    (round: number) => ask(`/tokens?limit=5&prefix=${round % 2 === 0 ? '' : 't'}`),
    (round: number) =>
      ask('/balances', 'PUT', { walletId: wallet(round), tokenId: coin(round), quantity: '2', usdValue: '777.5' }),
    (round: number) =>
      ask('/prices', 'POST', {
        prices: [{ tokenId: coin(round), priceUsd: '5.5', recordedAt: new Date(beganMs + round).toISOString() }],
      }),
  ]
  const rounds = requests / mix.length
  const check = async (): Promise<void> => {
    const { rows } = await served().database.db.query<{ prices: number; balances: number }>(sql`
      select
        (select count(*)::integer from "PriceSnapshot" where "priceUsd" = 5.5) as prices,
        (select count(*)::integer from "TokenBalance" where "usdValue" = 777.5) as balances`)
    const pairs = new Set(Array.from({ length: rounds }, (_, round) => `${wallet(round)} ${coin(round)}`))
    expect(rows).toEqual([{ prices: rounds, balances: pairs.size }])
  }
  const streams = Array.from({ length: 10 }, () => ({}))
  await runLoad(served(), { requests, mix, streams, topic: { table: 'PriceSnapshot' }, check })
})
