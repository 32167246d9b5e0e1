// Prices that are older than a year go to a bucket of S3, by the job and by the policy of the app: what is known of them stands in the table of
// the original design, they are asked together with the others, and come back as they were, row by row. A store that refuses, is away, or
// has another byte than it was given costs no row.

import { readdir, readFile, rename, rm, writeFile, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import S3rver from '@20minutes/s3rver'
import { openDatabase } from '../../../examples/wedefi/src/database.ts'
import { DatabaseManager } from '../../../examples/wedefi/src/database-manager.ts'
import { createMarket, dayMs } from '../../../examples/wedefi/src/generator/market.ts'
import { priceColumns, rowsOfDay } from '../../../examples/wedefi/src/generator/snapshots.ts'
import { makeTokens } from '../../../examples/wedefi/src/generator/tokens.ts'
import { copyRows } from '../../../examples/kit/src/copy-rows.ts'
import { sql } from '../../../src/sql/sql.ts'
import { monthBefore, useDeployed } from './service-support.ts'

const bucket = 'wedefi-archive'
/** Ended more than a year ago, by its grace and a few days more. */
const oldMonth = monthBefore(14).slice(0, 7)
const nextMonth = monthBefore(13).slice(0, 7)
const partition = (month: string): string => `PriceSnapshot_${month.replace('-', '_')}`

interface Store {
  readonly port: number
  close(): Promise<void>
}

async function openStore(directory: string, port = 0): Promise<Store> {
  const server = new S3rver({
    port,
    address: '127.0.0.1',
    silent: true,
    directory,
    configureBuckets: [{ name: bucket }],
  })
  const { port: listening } = await server.run()
  return { port: listening, close: async () => await server.close() }
}

describe('prices that are older than a year', () => {
  let base: string
  let store: Store

  const deployed = useDeployed(18, async () => {
    base = await mkdtemp(join(tmpdir(), 'pgstrata-test-'))
    store = await openStore(join(base, 's3'))
    return {
      months: 14,
      others: 0,
      archive: {
        to: `s3://${bucket}/price-snapshots`,
        s3: {
          endpoint: `http://127.0.0.1:${store.port}`,
          pathStyle: true,
          tries: 1,
          timeout: '5s',
          credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
        },
        work: join(base, 'work'),
        cache: { dir: join(base, 'cache') },
      },
    }
  })

  beforeAll(async () => {
    const { strata } = deployed()
    const tokens = makeTokens(6, 1)
    const market = createMarket(tokens, { seed: 1, untilMs: Date.now() })
    for (const month of [oldMonth, nextMonth])
      for (let day = 0; day < 5; day++) {
        const fromMs = Date.parse(`${month}-01T00:00:00Z`) + day * dayMs
        const pace = { pricesADay: 24, snapshotsADay: 1 }
        const { prices } = rowsOfDay({ market, wallets: [], fromMs, untilMs: fromMs + dayMs, pace })
        await copyRows(strata, { table: 'PriceSnapshot', columns: priceColumns, rows: prices })
      }
    await strata.rollup.merge()
  })
  afterAll(async () => {
    await store.close()
    await rm(base, { recursive: true, force: true })
  })

  const rowsIn = async (month: string): Promise<readonly string[]> => {
    const from = `${month}-01 00:00:00+00`
    const { rows } = await deployed().db.query<{ row: string }>(sql`
      select p::text as row
      from "PriceSnapshot" as p
      where p."recordedAt" >= ${from}::timestamptz
        and p."recordedAt" < ${from}::timestamptz + interval '1 month'
      order by 1`)
    return rows.map(({ row }) => row)
  }
  const objects = async (): Promise<readonly string[]> =>
    (await readdir(join(base, 's3', bucket), { recursive: true })).filter((name) => name.includes('.parquet'))
  const objectOf = async (ofYear: string): Promise<string> =>
    (await objects()).find((name) => name.includes(`month=${ofYear}`) && name.endsWith('_object')) ?? ''
  const daily = async (): Promise<readonly unknown[]> => {
    const { rows } = await deployed().db.query(sql`select * from price_daily order by bucket, "tokenId"`)
    return rows
  }

  test('stay where they are while there is no such bucket', async () => {
    const before = await rowsIn(oldMonth)
    expect(before).toHaveLength(5 * 24 * 6)
    await rename(join(base, 's3', bucket), join(base, 'away'))
    const { strata } = deployed()
    const report = await strata.jobs.runNow('tiers')
    await rename(join(base, 'away'), join(base, 's3', bucket))
    expect([...report.warnings, report.failure].join(' ')).toMatch(/NoSuchBucket|bucket/i)
    expect(await rowsIn(oldMonth)).toEqual(before)
    expect(await objects()).toEqual([])
    const { rows } = await deployed().db.query(sql`select * from "PriceSnapshot_archive_metadata"`)
    expect(rows).toEqual([])
  })

  test('go there, are known by the names of the original, and are readable for their grace', async () => {
    const before = await rowsIn(oldMonth)
    const { strata, db } = deployed()
    for (const month of [oldMonth, nextMonth])
      expect(await strata.tiers.move('PriceSnapshot', partition(month), 'archive')).toMatchObject({ state: 'archived' })
    expect(await rowsIn(oldMonth)).toEqual(before)
    const { rows } = await db.query<{ month_year: string; size: string }>(sql`
      select month_year, record_count::int as record_count, file_path, compressed_size::text as size,
        archived_at between (now() at time zone 'UTC') - interval '10 min' and (now() at time zone 'UTC') as "isNew"
      from "PriceSnapshot_archive_metadata"
      order by month_year`)
    expect(rows).toMatchObject([
      { month_year: oldMonth, record_count: 720, isNew: true },
      { month_year: nextMonth, record_count: 720, isNew: true },
    ])
    for (const { month_year: month, size, ...row } of rows) {
      const [year, ofYear = ''] = month.split('-')
      const path = String((row as { file_path?: unknown }).file_path)
      expect(path).toContain(`public.PriceSnapshot/year=${year}/month=${ofYear}/`)
      const file = await objectOf(ofYear)
      expect((await readFile(join(base, 's3', bucket, file))).length).toBe(Number(size))
    }
  })

  test('are kept while the store is away, and while it has another byte than it was given', async () => {
    const before = await rowsIn(oldMonth)
    const { strata } = deployed()
    const { port } = store
    await store.close()
    await expect(strata.tiers.move('PriceSnapshot', partition(oldMonth), 'drop')).rejects.toThrow('ECONNREFUSED')
    expect(await rowsIn(oldMonth)).toEqual(before)

    store = await openStore(join(base, 's3'), port)
    const [, ofYear = ''] = oldMonth.split('-')
    const file = await objectOf(ofYear)
    const path = join(base, 's3', bucket, file)
    const whole = await readFile(path)
    const damaged = Buffer.from(whole)
    damaged[100] = (damaged[100] ?? 0) ^ 0xff
    await writeFile(path, damaged)
    const report = await strata.archive?.verify({ table: 'PriceSnapshot' })
    expect(report?.faults).toHaveLength(1)
    expect(await rowsIn(oldMonth)).toEqual(before)
    await writeFile(path, whole)
    expect((await strata.archive?.verify({ table: 'PriceSnapshot' }))?.faults).toEqual([])
  })

  test('are dropped behind their proof, asked together with the others, and come back as they were', async () => {
    const [before, next, counted] = [await rowsIn(oldMonth), await rowsIn(nextMonth), await daily()]
    const { strata } = deployed()
    expect(await strata.tiers.move('PriceSnapshot', partition(oldMonth), 'drop')).toMatchObject({ state: 'cold' })
    expect(await rowsIn(oldMonth)).toEqual([])
    expect(await rowsIn(nextMonth)).toEqual(next)
    expect(await daily()).toEqual(counted)
    const all = await strata.archive?.query('select count(*) as n, sum("priceUsd") as usd from "PriceSnapshot"', {
      from: `${oldMonth}-01`,
      to: monthBefore(12),
    })
    expect(all?.rows[0]?.[0]).toBe(String(before.length + next.length))

    expect(await strata.archive?.restore('PriceSnapshot', partition(oldMonth))).toMatchObject({ state: 'hot' })
    expect(await rowsIn(oldMonth)).toEqual(before)
    expect(await daily()).toEqual(counted)
  })

  test('are not taken for the latest when an older month is back', async () => {
    const { strata, db } = deployed()
    const { rows } = await db.query<{ tokenId: string; price: string }>(sql`
      select distinct on ("tokenId") "tokenId", "priceUsd"::text as price
      from "PriceSnapshot"
      order by "tokenId", "recordedAt" desc`)
    expect(rows).toHaveLength(6)
    expect(await strata.tiers.move('PriceSnapshot', partition(nextMonth), 'drop')).toMatchObject({ state: 'cold' })
    const manager = new DatabaseManager({ pool: strata.pool, db: openDatabase(strata) })
    for (const { tokenId, price } of rows) expect(await manager.getLatestPrice(tokenId)).toBe(price)
  })
})
