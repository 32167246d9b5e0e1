// What moves the market of the demo: prices follow the last ones, and every wallet has at them what it holds.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { moveMarket } from '../../../examples/wedefi/src/generator/market-job.ts'
import { sql } from '../../../src/sql/sql.ts'
import { testDatabase, type TestDatabase } from '../../support/postgres.ts'
import { putBalances, putTokens, putWallets } from './portfolio-support.ts'
import { riskTemplate } from './risk-support.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await testDatabase(18, { template: await riskTemplate(18) })
})
afterAll(async () => await database.close())

test('without any prices it does nothing', async () => {
  const { db } = database
  await putWallets(db, 2)
  await putTokens(db, 3)
  await putBalances(db, [
    { wallet: 'w-0', token: 't-0', usd: '5' },
    { wallet: 'w-1', token: 't-0', usd: '6' },
    { wallet: 'w-1', token: 't-2', usd: '7' },
  ])
  await moveMarket({ db })
  const { rows } = await db.query<{ n: number }>(sql`select count(*)::int as n from "PriceSnapshot"`)
  expect(rows).toEqual([{ n: 0 }])
})

test('each token that has a price gets another, and balances of it are worth that', async () => {
  const { db } = database
  await db.query(sql`
    insert into "PriceSnapshot" ("tokenId", "priceUsd", "recordedAt")
    values ('t-0', 2, now() - interval '1 minute'), ('t-1', 3, now() - interval '1 minute')`)
  await moveMarket({ db })
  const prices = await db.query<{ tokenId: string; n: number }>(sql`
    select "tokenId", count(*)::int as n
    from "PriceSnapshot"
    group by "tokenId"
    order by "tokenId"`)
  expect(prices.rows).toEqual([
    { tokenId: 't-0', n: 2 },
    { tokenId: 't-1', n: 2 },
  ])
  const worth = await db.query<{ walletId: string; tokenId: string; isWorth: boolean | null }>(sql`
    select b."walletId", b."tokenId", b."usdValue" = round(b.quantity * last."priceUsd", 8) as "isWorth"
    from "TokenBalance" as b
    left join lateral (
      select "priceUsd"
      from "PriceSnapshot" as p
      where p."tokenId" = b."tokenId"
      order by "recordedAt" desc
      limit 1
    ) as last on true
    order by 1, 2`)
  expect(worth.rows).toEqual([
    { walletId: 'w-0', tokenId: 't-0', isWorth: true },
    { walletId: 'w-1', tokenId: 't-0', isWorth: true },
    { walletId: 'w-1', tokenId: 't-2', isWorth: null },
  ])
})
