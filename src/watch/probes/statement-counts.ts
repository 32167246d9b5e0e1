// The counters of one statement, added and taken from each other. Pure.

import type { StatementRow } from '../model/rows.ts'

export type Counts = Omit<StatementRow, 'queryid'>

export const emptyCounts: Counts = {
  calls: 0,
  execMs: 0,
  planMs: 0,
  rows: 0,
  blocksHit: 0,
  blocksRead: 0,
  tempBlocks: 0,
  ioMs: 0,
  walBytes: 0,
}

const names = Object.keys(emptyCounts) as readonly (keyof Counts)[]

export function addCounts(left: Counts, right: Counts): Counts {
  return combine(left, right, (a, b) => a + b)
}

/** Undefined: one of them went down, so they are not of the same count. */
export function subtractCounts(left: Counts, right: Counts): Counts | undefined {
  // Sums of floating point numbers in another order differ in their last digits.
  const difference = combine(left, right, (a, b) => (Math.abs(a - b) < 1e-6 ? 0 : a - b))
  return names.some((name) => difference[name] < 0) ? undefined : difference
}

function combine(left: Counts, right: Counts, how: (a: number, b: number) => number): Counts {
  return {
    calls: how(left.calls, right.calls),
    execMs: how(left.execMs, right.execMs),
    planMs: how(left.planMs, right.planMs),
    rows: how(left.rows, right.rows),
    blocksHit: how(left.blocksHit, right.blocksHit),
    blocksRead: how(left.blocksRead, right.blocksRead),
    tempBlocks: how(left.tempBlocks, right.tempBlocks),
    ioMs: how(left.ioMs, right.ioMs),
    walBytes: how(left.walBytes, right.walBytes),
  }
}
