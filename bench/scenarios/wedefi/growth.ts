// What the app asks again and again, on a database of one month and on one of more than a year, in which older months are packed and the oldest is in
// the archive. Both have the same last days, so their answers are compared before anything is timed.

import { isDeepStrictEqual } from 'node:util'
import { makeTokens } from '../../../examples/wedefi/src/generator/tokens.ts'
import { makeWallets } from '../../../examples/wedefi/src/generator/wallets.ts'
import { deployForMoves } from '../../../examples/wedefi/src/growth/deploy.ts'
import { grow, type GrownMonth } from '../../../examples/wedefi/src/growth/grow.ts'
import { beginOf } from '../../../examples/wedefi/src/growth/months.ts'
import {
  askAll,
  questionNames,
  questionTitles,
  type AskOptions,
} from '../../../examples/wedefi/src/growth/questions.ts'
import { addUp } from '../../../examples/wedefi/src/growth/storage.ts'
import { resolveWedefi, type WedefiStrata } from '../../../examples/wedefi/src/strata.ts'
import { figuresOf, type Part, type Samples } from '../../harness/part.ts'
import { measureRounds, type Variant } from '../../harness/rounds.ts'
import type { BenchContext } from '../../harness/scenario.ts'

export interface GrowthSizes {
  readonly tokens: number
  readonly wallets: number
  readonly pace: { readonly pricesADay: number; readonly snapshotsADay: number }
  readonly rounds: number
  /** So many tokens and wallets are asked about. */
  readonly asked: number
}

export interface MeasuredGrowth {
  readonly samples: Samples
  readonly year: GrownMonth
  readonly month: GrownMonth
}

interface Place {
  readonly url: string
  /** Of the archive. */
  readonly folder: string
}

const seed = 1
const monthsOfAYear = 13

export async function measureGrowth(
  places: { readonly month: Place; readonly year: Place },
  sizes: GrowthSizes,
  context: BenchContext,
): Promise<MeasuredGrowth> {
  const now = new Date()
  // The thirty days that questions are about have to be there.
  const few = now.getUTCDate() < 5 ? 2 : 1
  const opened: WedefiStrata[] = []
  try {
    const grown = async (place: Place, months: number): Promise<GrownMonth> => {
      const strata = await deployForMoves(configOf(place, now, months), { signal: context.signal })
      opened.push(strata)
      return await fill(strata, { sizes, now, months, context })
    }
    const month = await grown(places.month, few)
    const year = await grown(places.year, monthsOfAYear)
    const [small, large] = opened
    if (small === undefined || large === undefined) throw new Error('Expected two databases')
    const asking = askingOf(sizes, now)
    await requireSame(small, large, asking)
    const samples = await measureRounds([variant('month1', small, asking), variant('month12', large, asking)], {
      rounds: sizes.rounds,
      signal: context.signal,
      progress: context.progress,
    })
    return { samples, year, month }
  } finally {
    for (const strata of opened) await strata.close()
  }
}

function configOf({ url, folder }: Place, now: Date, months: number) {
  return resolveWedefi({ url, replicas: {}, archiveBase: folder, from: beginOf({ now, months }) })
}

interface Fill {
  readonly sizes: GrowthSizes
  readonly now: Date
  readonly months: number
  readonly context: BenchContext
}

async function fill(
  strata: WedefiStrata,
  { sizes, now, months, context: { signal, progress } }: Fill,
): Promise<GrownMonth> {
  const { tokens, wallets, pace, asked } = sizes
  const grown = await grow(strata, {
    tokens,
    wallets,
    months,
    pace,
    seed,
    now,
    asked,
    signal,
    onMonth: ({ month, storage }) =>
      progress(`${month.name}: ${addUp(Object.values(storage)).rows.toLocaleString('en-US')} rows`),
  })
  await strata.db.query({ text: 'vacuum (analyze)', values: [] })
  const last = grown.at(-1)
  if (last === undefined) throw new Error('Expected months')
  return last
}

function askingOf({ tokens, wallets, asked }: GrowthSizes, now: Date): AskOptions {
  const made = makeTokens(tokens, seed)
  const walletIds = [...makeWallets({ count: wallets, tokens: made, seed, now })].slice(0, asked).map(({ id }) => id)
  return { tokenIds: made.slice(0, asked).map(({ id }) => id), walletIds, now }
}

async function requireSame(small: WedefiStrata, large: WedefiStrata, asking: AskOptions): Promise<void> {
  const once = { ...asking, times: 1 }
  const [one, other] = [await askAll(small, once), await askAll(large, once)]
  for (const name of questionNames) {
    const [small, large] = [one[name].answers, other[name].answers]
    const differing = small.findIndex((answer, index) => !isSame(answer, large[index]))
    if (small.length === 0 || small.length !== large.length)
      throw new Error(`${questionTitles[name]}: expected as many answers of a year as of a month, and some`)
    if (differing >= 0)
      throw new Error(
        `${questionTitles[name]}: expected of a year the same as of a month: ${JSON.stringify([small[differing], large[differing]])}`,
      )
  }
}

/** Figures of risk are sums in double precision, and sums in another order differ in their last digits. */
const precision = 1e-9

function isSame(one: unknown, other: unknown): boolean {
  if (typeof one === 'number' && typeof other === 'number')
    return Object.is(one, other) || Math.abs(one - other) <= precision * Math.max(Math.abs(one), Math.abs(other), 1)
  if (one instanceof Date || !isObject(one) || !isObject(other)) return isDeepStrictEqual(one, other)
  const keys = Object.keys(one)
  return keys.length === Object.keys(other).length && keys.every((key) => isSame(one[key], other[key]))
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function variant(name: string, strata: WedefiStrata, asking: AskOptions): Variant {
  return {
    name,
    run: async () => {
      const asked = await askAll(strata, asking)
      const each = questionNames.map((question) => [`${question}_${name}_ms`, asked[question].medianMs] as const)
      return { ...Object.fromEntries(each), [`${name}_ms`]: each.reduce((sum, [, ms]) => sum + ms, 0) }
    },
  }
}

/** What stands in the table of the scenario. A ratio is how much longer it takes after a year. */
export function describeGrowth({ samples }: MeasuredGrowth): Part {
  const rows = [
    ['', 'five questions of the app, after a month; and after a year'] as const,
    ...questionNames.map((name) => [`${name}_`, `… ${questionTitles[name]}`] as const),
  ]
  return {
    figures: figuresOf(
      samples,
      Object.fromEntries(
        rows.flatMap(([name, title]) => [
          [`${name}month1_ms`, ['ms', title] as const],
          [`${name}month12_ms`, ['ms', title] as const],
        ]),
      ),
    ),
    comparisons: Object.fromEntries(
      rows.map(([name, title]) => [
        `${name}month12_vs_month1`,
        { title, ours: `${name}month1_ms`, theirs: `${name}month12_ms` },
      ]),
    ),
  }
}

export function growthNote({ year, month }: MeasuredGrowth, { pace, tokens, wallets }: GrowthSizes): string {
  const [large, small] = [addUp(Object.values(year.storage)), addUp(Object.values(month.storage))]
  const shown = (count: number): string => count.toLocaleString('en-US')
  const mb = (bytes: number): string => `${shown(Math.round(bytes / 1e6))} MB`
  return `Growth: ${shown(tokens)} tokens with ${pace.pricesADay} prices a day, ${shown(wallets)} wallets with ${pace.snapshotsADay} values a day and their positions once a day. One database has the last month, ${shown(small.rows)} rows in ${mb(small.hotBytes)}; the other thirteen months and this one, ${shown(large.rows)} rows: ${mb(large.hotBytes)} in tables, ${mb(large.warmBytes)} packed, ${mb(large.coldBytes)} in the archive. For these rows the column of pgstrata is the month and the other one the year, so the ratio is how much longer a question takes. Each is asked for one token or wallet after the other, without the app's cache; answers of both databases are compared first.`
}
