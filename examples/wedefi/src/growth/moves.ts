// What the policy asks of the months of a table at a moment that is simulated, and doing it: the job `tiers` goes by the clock of the server, which
// a simulation is ahead of, or behind. Moves are the same, by the same steps and with the same proof.

import type { Strata } from 'pgstrata'
import { dayMs } from '../generator/market.ts'
import type { Policy } from './policy.ts'

export const movedTables = ['PriceSnapshot', 'PortfolioSnapshot', 'PositionSnapshot'] as const
export type MovedTable = (typeof movedTables)[number]

type MoveName = 'pack' | 'archive' | 'drop'

export interface MonthTier {
  readonly name: string
  /** Of its end. */
  readonly untilMs: number
  readonly tier: 'hot' | 'slim' | 'packed' | 'cold'
  readonly isArchived: boolean
  readonly isEmpty: boolean
}

export interface Move {
  readonly partition: string
  readonly move: MoveName
}

/** Pure. The oldest first; of each month the moves that bring it to where it has to be by then, one after the other. */
export function planMoves(
  months: readonly MonthTier[],
  { policy, nowMs }: { readonly policy: Policy; readonly nowMs: number },
): readonly Move[] {
  return months
    .toSorted((one, other) => one.untilMs - other.untilMs)
    .flatMap((month) => movesOf(month, policy, nowMs).map((move) => ({ partition: month.name, move })))
}

function movesOf(
  { untilMs, tier, isArchived, isEmpty }: MonthTier,
  policy: Policy,
  nowMs: number,
): readonly MoveName[] {
  if (tier === 'cold' || isEmpty) return []
  const coldMs = monthsLater(untilMs, policy.archiveAfterMonths)
  if (nowMs >= coldMs) {
    const isGraceOver = nowMs >= coldMs + policy.graceDays * dayMs
    return [...(isArchived ? [] : (['archive'] as const)), ...(isGraceOver ? (['drop'] as const) : [])]
  }
  const isWarm = nowMs >= untilMs + policy.packAfterDays * dayMs
  return isWarm && tier === 'hot' ? ['pack'] : []
}

function monthsLater(atMs: number, months: number): number {
  const at = new Date(atMs)
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + months, at.getUTCDate())
}

export interface Moved extends Move {
  readonly table: MovedTable
  /** As they were counted; null: they were not. */
  readonly rows: number | null
}

export interface MovesOptions {
  readonly policy: Policy
  readonly nowMs: number
  readonly signal?: AbortSignal | undefined
}

export async function makeMoves(strata: Strata, { policy, nowMs, signal }: MovesOptions): Promise<readonly Moved[]> {
  const made: Moved[] = []
  for (const table of movedTables) {
    for (const { partition, move } of planMoves(await readMonths(strata, table), { policy, nowMs })) {
      signal?.throwIfAborted()
      const { rows } = await strata.tiers.move(table, partition, move, { signal })
      made.push({ table, partition, move, rows })
    }
  }
  return made
}

async function readMonths(strata: Strata, table: MovedTable): Promise<readonly MonthTier[]> {
  const [status] = await strata.tiers.status(table)
  const months: MonthTier[] = []
  for (const { name, upper, tier, state, rows } of status?.partitions ?? []) {
    const isEmpty = tier === 'hot' && (rows ?? 0) === 0
    months.push({ name, untilMs: momentOf(upper), tier, isArchived: state === 'archived', isEmpty })
  }
  return months
}

/** '2026-01-01 00:00:00+00', as SQL writes it. */
function momentOf(bound: string): number {
  return Date.parse(bound.replace(' ', 'T').replace(/\+00$/, 'Z'))
}
