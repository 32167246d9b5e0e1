// Risk of a year by the rollup of prices, beside the same statement over the raw prices: closes by a scan of the history, as the original design has
// it, and by one probe of the index for each day. Before anything is timed all of them have to come to the same figures.

import type { SQL } from 'drizzle-orm'
import { sql } from 'drizzle-orm'
import { openDb, type Db } from 'pgstrata'
import { ask } from '../../../examples/wedefi/src/ask.ts'
import { closingFrom, closingFromRollups, type ClosingRows } from '../../../examples/wedefi/src/risk/closes.ts'
import { correlationStatement } from '../../../examples/wedefi/src/risk/correlations.ts'
import { portfolioStatement, tokenStatement, type RiskChoice } from '../../../examples/wedefi/src/risk/risk.ts'
import { openWedefi, resolveWedefi } from '../../../examples/wedefi/src/strata.ts'
import { figuresOf, type Part, type Samples } from '../../harness/part.ts'
import { measureRounds, type Variant } from '../../harness/rounds.ts'
import type { BenchContext, Comparison } from '../../harness/scenario.ts'

export interface RiskSizes {
  readonly tokens: number
  readonly pricesADay: number
  readonly rounds: number
  /** Quick ones are repeated for so long. */
  readonly forMs: number
}

const days = 366
const held = 20
const wallet = 'risk-bench'

/** A deployed database of the app, in which no tier moves; samples by the names of figures. */
export async function measureRisk(
  { url }: { readonly url: string },
  sizes: RiskSizes,
  { signal, progress }: BenchContext,
): Promise<Samples> {
  const strata = openWedefi(resolveWedefi({ url }))
  const db = openDb({ url, max: 2 })
  try {
    // A year at once would be packed while the rounds run.
    await strata.tiers.pause('PriceSnapshot')
    await fill(db, sizes, signal)
    await strata.rollup.merge()
    await db.query({
      text: 'vacuum (analyze) "PriceSnapshot", price_daily_merged, pgstrata.price_daily_delta',
      values: [],
    })
    progress(`${sizes.tokens * sizes.pricesADay * days} prices of ${sizes.tokens} tokens`)
    const questions = questionsOf(sizes)
    for (const question of questions) await requireSame(db, question)
    const variants = questions.flatMap((question) => variantsOf(db, question, sizes.forMs))
    return await measureRounds(variants, { rounds: sizes.rounds, signal, progress })
  } finally {
    await db.close()
    await strata.close()
  }
}

const tokenName = (n: number): string => `risk-bench-${String(n).padStart(4, '0')}`

/** A month a statement: what a statement changes is added up in memory for the rollups. */
async function fill(db: Db, { tokens, pricesADay }: RiskSizes, signal: AbortSignal): Promise<void> {
  const names = Array.from({ length: tokens }, (_, n) => tokenName(n))
  await ask(
    db,
    sql`
    insert into "Token" (id, symbol, name, decimals, "chainId", address)
    select name, right(name, 4), name, 18, 1, '0x' || left(md5(name) || md5(name || '+'), 40)
    from unnest(${sql.param(names)}::text[]) as name
    on conflict do nothing`,
  )
  await ask(
    db,
    sql`insert into "Wallet" (id, address, "chainId") values (${wallet}, ${`0x${'b'.repeat(40)}`}, 1) on conflict do nothing`,
  )
  await ask(
    db,
    sql`
    insert into "TokenBalance" ("walletId", "tokenId", quantity, "usdValue")
    select ${wallet}, name, 1, 10 * place
    from unnest(${sql.param(names.slice(0, held))}::text[]) with ordinality as given (name, place)
    on conflict do nothing`,
  )
  const stepSeconds = Math.floor(86_400 / pricesADay)
  for (let from = 0; from < days; from += 30) {
    signal.throwIfAborted()
    await ask(
      db,
      sql`
      insert into "PriceSnapshot" ("tokenId", "priceUsd", "recordedAt")
      select named.name,
        (100 * exp(0.4 * sin(day / (9.0 + named.place % 7)) + 0.05 * (random() + random() - 1)))::numeric(30, 12),
        date_trunc('day', now(), 'UTC') - make_interval(hours => 24 * (day + 1)) + make_interval(secs => ${stepSeconds}::integer * nth)
      from generate_series(${from}::integer, ${Math.min(days, from + 30) - 1}::integer) as day
      cross join generate_series(0, ${pricesADay}::integer - 1) as nth
      cross join unnest(${sql.param(names)}::text[]) with ordinality as named (name, place)
      order by 3, 1
      on conflict do nothing`,
    )
  }
}

/** The last of each bucket out of all of its prices. */
const closingByScan: ClosingRows = (grains) =>
  closingFrom(
    grains,
    (grain) => sql`
      select distinct on (bucket) bucket, close
      from (
        select date_trunc(${sql.raw(`'${grain}'`)}, price."recordedAt", 'UTC') as bucket,
          price."priceUsd"::double precision as close,
          price."recordedAt" as at
        from "PriceSnapshot" as price
        where price."tokenId" = asked."tokenId"
          and price."recordedAt" >= frame.since
          and price."recordedAt" < frame.until
      ) as priced
      order by bucket, at desc`,
  )

/** The newest price of each bucket, found by the primary key. */
const closingByProbes: ClosingRows = (grains) =>
  closingFrom(
    grains,
    () => sql`
      select span.bucket, newest.close
      from generate_series(frame.since, frame.until - frame.step, frame.step) as span (bucket)
      cross join lateral (
        select price."priceUsd"::double precision as close
        from "PriceSnapshot" as price
        where price."tokenId" = asked."tokenId"
          and price."recordedAt" >= span.bucket
          and price."recordedAt" < span.bucket + frame.step
        order by price."recordedAt" desc
        limit 1
      ) as newest`,
  )

interface Question {
  readonly name: string
  readonly statement: (choice: RiskChoice) => SQL
}

function questionsOf({ tokens }: RiskSizes): readonly Question[] {
  const names = Array.from({ length: tokens }, (_, n) => tokenName(n))
  return [
    { name: 'portfolio', statement: (choice) => portfolioStatement([wallet], choice) },
    { name: 'token', statement: (choice) => tokenStatement(names.slice(0, 1), choice) },
    { name: 'matrix', statement: (choice) => correlationStatement(names.slice(0, held), choice) },
    { name: 'all', statement: (choice) => tokenStatement(names, choice) },
  ]
}

const ways: Readonly<Record<string, ClosingRows>> = {
  rollup: closingFromRollups,
  raw: closingByScan,
  probes: closingByProbes,
}

type Row = Readonly<Record<string, unknown>>

async function askBy(db: Db, { statement }: Question, closing: ClosingRows): Promise<readonly Row[]> {
  return await ask<Row>(db, statement({ timeframe: '1y', closing }))
}

async function requireSame(db: Db, question: Question): Promise<void> {
  const [ours, ...others] = await Promise.all(Object.values(ways).map((closing) => askBy(db, question, closing)))
  const isThere = ours !== undefined && ours.length > 0 && ours.every((row) => row['volatility'] !== null)
  if (!isThere) throw new Error(`${question.name}: expected figures to compare, and there are none`)
  for (const other of others) {
    const isSame = other.length === ours.length && other.every((row, index) => isSameRow(row, ours[index] ?? {}))
    if (!isSame) throw new Error(`${question.name}: expected the same figures, and got others`)
  }
}

/** Sums of doubles differ in their last digits by the order of adding. */
function isSameRow(one: Row, other: Row): boolean {
  return Object.keys(one).every((key) => {
    const [a, b] = [one[key], other[key]]
    if (typeof a !== 'number' || typeof b !== 'number') return String(a) === String(b)
    return Math.abs(a - b) <= 1e-9 * Math.max(1e-3, Math.abs(a), Math.abs(b))
  })
}

function variantsOf(db: Db, question: Question, forMs: number): readonly Variant[] {
  return Object.entries(ways).map(([way, closing]) => ({
    name: `${question.name} by ${way}`,
    run: async () => {
      const begun = performance.now()
      let times = 0
      do {
        if ((await askBy(db, question, closing)).length === 0) throw new Error(`${question.name}: no figures`)
        times++
      } while (performance.now() - begun < forMs)
      return { [figureName(question.name, way)]: (performance.now() - begun) / times }
    },
  }))
}

const figureName = (question: string, way: string): string =>
  way === 'rollup' ? `risk_${question}_ms` : `risk_${question}_${way}_ms`

const titles: Readonly<Record<string, string>> = {
  portfolio: `risk of a portfolio of ${held} tokens over a year`,
  token: '… of one token',
  matrix: `… correlations of ${held} tokens`,
  all: '… of every token',
}

/** What stands in the table of the scenario. */
export function describeRisk(samples: Samples): Part {
  const questions = Object.entries(titles)
  return {
    figures: figuresOf(
      samples,
      Object.fromEntries(
        questions.flatMap(([name, title]) =>
          Object.keys(ways).map((way) => [figureName(name, way), ['ms', title] as const]),
        ),
      ),
    ),
    comparisons: Object.fromEntries(
      questions.flatMap(([name, title]): readonly (readonly [string, Comparison])[] => {
        const key = name === 'portfolio' ? 'risk' : `risk_${name}`
        const ours = figureName(name, 'rollup')
        return [
          [`${key}_vs_raw`, { title, ours, theirs: figureName(name, 'raw') }],
          [
            `${key}_vs_probes`,
            { title: `${title}, beside a probe of the index for each day`, ours, theirs: figureName(name, 'probes') },
          ],
        ]
      }),
    ),
  }
}

export const riskNote: string =
  'Risk: the same statement three times, but for where the closes of days come from: the rollup, all raw prices of the year (the history scanned, as in the original design), and the newest price of each day by the primary key, which only helps where the bucket is known to be wide. Nothing is packed. Figures are compared before anything is timed.'
