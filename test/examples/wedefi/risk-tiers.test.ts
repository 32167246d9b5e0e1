// Risk of a year whose old months are packed: the same as before they were, and right again after late rows and deletes in packed months.

import { expect, test } from 'vitest'
import { correlate } from '../../../examples/wedefi/src/risk/correlations.ts'
import { riskOfTokens } from '../../../examples/wedefi/src/risk/risk.ts'
import { sql } from '../../../src/sql/sql.ts'
import { correlationOf, isClose, tokenFigures, type RawPrice } from './risk-oracle.ts'
import { addPrices, dayMs, hourMs, useRiskDatabase, type Price } from './risk-support.ts'

const risk = useRiskDatabase()
const names = ['packed-a', 'packed-b']
const midnight: number = Math.floor(Date.now() / dayMs) * dayMs
const asked = { timeframe: '1y', asOfMs: midnight } as const
const choice = { timeframe: '1y', asOf: new Date(midnight) } as const

/** Of the history: hot, packed and late rows alike. */
async function readRaw(): Promise<readonly RawPrice[]> {
  const { rows } = await risk().db.query<{ token: string; at: number; price: string }>(sql`
    select "tokenId" as token, (extract(epoch from "recordedAt") * 1000)::float8 as at, "priceUsd"::text as price
    from "PriceSnapshot_history"`)
  return rows.map(({ token, at, price }) => ({ token, atMs: at, price: Number(price) }))
}

async function expectTrue(): Promise<void> {
  const raw = await readRaw()
  const found = await riskOfTokens(risk().strata, names, choice)
  for (const [index, name] of names.entries()) {
    const expected = tokenFigures(raw, name, asked)
    expect(expected.returns).toBeGreaterThan(300)
    for (const key of Object.keys(expected) as (keyof typeof expected)[])
      expect({ name, key, isClose: isClose(found[index]?.[key] ?? null, expected[key]) }).toEqual({
        name,
        key,
        isClose: true,
      })
  }
  const [pair] = await correlate(risk().strata, names, choice)
  const expected = correlationOf(raw, ['packed-a', 'packed-b'], asked)
  expect(pair?.samples).toBe(expected.samples)
  expect(isClose(pair?.correlation ?? null, expected.correlation)).toBe(true)
}

test(
  'packing changes no figure, and what is changed behind it changes them rightly',
  { timeout: 120_000 },
  async () => {
    const { db, strata } = risk()
    const prices = Array.from({ length: 370 }, (_, day): readonly Price[] =>
      names.map((token, which) => ({
        token,
        atMs: midnight - (day + 1) * dayMs + 20 * hourMs,
        price: (100 + 40 * Math.sin(day / (7 + which)) + ((day * 37) % 11)).toFixed(12),
      })),
    ).flat()
    await addPrices(db, prices)
    await strata.rollup.merge()
    await expectTrue()

    // As if the rollups had been applied long ago: nobody reads them from the table alone any more.
    await db.query(
      sql`update pgstrata.rollup set shape = shape || jsonb_build_object('tieredAt', now() - interval '1 hour')`,
    )
    const { rows } = await db.query<{ name: string; from: Date }>(sql`
    select c.relname as name,
      (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \\(''([^'']+)''\\)'))[1]::timestamptz as from
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhrelid
    where i.inhparent = '"PriceSnapshot"'::regclass
    order by 2`)
    const old = rows.filter(
      ({ from }) => from.getTime() > midnight - 200 * dayMs && from.getTime() < midnight - 70 * dayMs,
    )
    expect(old.length).toBeGreaterThanOrEqual(3)
    for (const { name } of old) await strata.tiers.move('PriceSnapshot', name, 'pack')
    const packedFrom = old[0]?.from.getTime() ?? 0
    const { rows: left } = await db.query(sql`
    select
    from "PriceSnapshot"
    where "recordedAt" >= ${new Date(packedFrom)}
      and "recordedAt" < ${new Date(packedFrom + 60 * dayMs)}`)
    expect(left).toHaveLength(0)
    await expectTrue()

    // Late: closes of days that are packed, and of days between.
    await addPrices(
      db,
      names.map((token) => ({ token, atMs: packedFrom + 5 * dayMs + 23 * hourMs, price: '250.5' })),
    )
    await expectTrue()
    // Gone: a close whose day has no other price, and one of which an earlier price is left.
    await db.query(sql`
    delete from "PriceSnapshot_history"
    where "tokenId" = 'packed-a'
      and "recordedAt" >= ${new Date(packedFrom + 12 * dayMs)}
      and "recordedAt" < ${new Date(packedFrom + 14 * dayMs)}`)
    await db.query(sql`
    update "PriceSnapshot_history"
    set "priceUsd" = 17
    where "tokenId" = 'packed-b'
      and "recordedAt" >= ${new Date(packedFrom + 20 * dayMs)}
      and "recordedAt" < ${new Date(packedFrom + 21 * dayMs)}`)
    await strata.rollup.merge()
    await expectTrue()
  },
)
