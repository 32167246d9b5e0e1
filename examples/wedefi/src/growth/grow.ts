// A year of the app in minutes: its snapshots month by month as they would have come, and after each month what the daemon would have done:
// rollups merged, months packed and archived by the policy, with their proof. Then how much there is, where, and how long the app's questions
// take.
//
// Promises: the same seed, wallets and moment give the same rows, and a day has the same rows whichever days are loaded. Balances are those of
// the end. On failure what is in by then stays.

import { silent, type MakeBar } from 'pgstrata-example-kit'
import { sql, type Strata } from 'pgstrata'
import { daysBetween, fillDay, fillTokens, fillWallets } from '../generator/fill.ts'
import { createMarket, dayMs, type Market } from '../generator/market.ts'
import type { Pace } from '../generator/snapshots.ts'
import { makeTokens } from '../generator/tokens.ts'
import { makeWallets, type Wallet } from '../generator/wallets.ts'
import type { WedefiStrata } from '../strata.ts'
import { monthsUntil, type Month } from './months.ts'
import { makeMoves, type Moved, type MovedTable } from './moves.ts'
import { policy as usualPolicy, type Policy } from './policy.ts'
import { askAll, type Asked, type QuestionName } from './questions.ts'
import { readStorage, type Storage } from './storage.ts'

export interface GrowOptions {
  readonly wallets: number
  readonly tokens: number
  /** Whole months before that of now. */
  readonly months: number
  readonly pace: Pace
  readonly seed?: number
  /** Default: now. */
  readonly now?: Date
  /** Default: that of the configuration. */
  readonly policy?: Policy
  /** So many tokens and wallets the questions are asked for. Default: 20. */
  readonly asked?: number
  readonly progress?: MakeBar
  readonly signal?: AbortSignal | undefined
  /** After each month. */
  readonly onMonth?: (grown: GrownMonth) => void
}

export interface GrownMonth {
  readonly month: Month
  readonly storage: Readonly<Record<MovedTable, Storage>>
  readonly moved: readonly Moved[]
  readonly asked: Readonly<Record<QuestionName, Asked>>
  readonly loadMs: number
  readonly moveMs: number
}

export async function grow(strata: WedefiStrata, options: GrowOptions): Promise<readonly GrownMonth[]> {
  const { seed = 1, now = new Date(), progress = () => silent, policy = usualPolicy, signal, asked = 20 } = options
  const tokens = makeTokens(options.tokens, seed)
  const market = createMarket(tokens, { seed, untilMs: now.getTime() })
  const wallets = [...makeWallets({ count: options.wallets, tokens, seed, now })]
  await holdStill(strata)
  await fillTokens(strata, tokens)
  await fillWallets(strata, { wallets, market, seed, now, bar: () => silent })
  await strata.query(sql`analyze "Wallet", "Token", "TokenBalance"`)
  const grown: GrownMonth[] = []
  for (const month of monthsUntil({ now, months: options.months })) {
    const beganMs = performance.now()
    await loadMonth(strata, { market, wallets, month, pace: options.pace, progress, signal })
    const loadMs = performance.now() - beganMs
    const moved = await makeMoves(strata, { policy, nowMs: month.untilMs, signal })
    const moveMs = performance.now() - beganMs - loadMs
    const one: GrownMonth = {
      month,
      moved,
      storage: await readStorage(strata),
      asked: await askAll(strata, {
        tokenIds: tokens.slice(0, asked).map(({ id }) => id),
        walletIds: wallets.slice(0, asked).map(({ id }) => id),
        now: new Date(month.untilMs),
      }),
      loadMs,
      moveMs,
    }
    grown.push(one)
    options.onMonth?.(one)
  }
  return grown
}

/** The job would go by the clock of the server. */
async function holdStill(strata: Strata): Promise<void> {
  for (const { partitioned } of strata.tiers.tables) await strata.tiers.pause(partitioned.key)
}

interface MonthLoad {
  readonly market: Market
  readonly wallets: readonly Wallet[]
  readonly month: Month
  readonly pace: Pace
  readonly progress: MakeBar
  readonly signal: AbortSignal | undefined
}

/** With what the daemon and autovacuum do in a month. */
async function loadMonth(strata: Strata, { month, progress, signal, ...rest }: MonthLoad): Promise<void> {
  const { fromMs, untilMs, name } = month
  const days = daysBetween(fromMs, untilMs)
  const bar = progress({ label: name, total: days.length, unit: 'days' })
  for (const [index, dayFromMs] of days.entries()) {
    signal?.throwIfAborted()
    await fillDay(strata, { ...rest, fromMs: dayFromMs, untilMs })
    if (index % 10 === 9) await strata.rollup.merge({ signal })
    bar.add()
  }
  await strata.rollup.merge({ signal })
  for (const table of await tablesToTidy(strata, { fromMs, untilMs }))
    await strata.db.query(sql`vacuum (analyze) ${sql.raw(table)}`)
  bar.finish()
}

/** The partitions of the month, and what rollups keep. */
async function tablesToTidy(
  strata: Strata,
  { fromMs, untilMs }: { readonly fromMs: number; readonly untilMs: number },
): Promise<readonly string[]> {
  const period = new Date(Math.max(fromMs, untilMs - dayMs)).toISOString().slice(0, 7).replace('-', '_')
  const { rows } = await strata.db.query<{ name: string }>(sql`
    select oid::regclass::text as name
    from pg_class
    where relnamespace = 'public'::regnamespace
      and relkind = 'r'
      and (relname ~ ${`^P[a-z]+Snapshot_${period}(_part_\\d+)?$`} or relname ~ '_(hourly|daily|holdings)_merged$')
    order by 1`)
  return rows.map(({ name }) => name)
}
