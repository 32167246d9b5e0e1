// Whether a change concerns the rows that somebody watches. Pure.
//
// What must be true: a change that concerns them is never judged not to. The feed says what a row is now, and of what it was
// no more than its key; so what cannot be told is said to be so, and whoever may be concerned hears that something may have
// changed, and not what. So nobody hears of a row that may not be theirs.

import type { Values, WireChange } from './wire.ts'

/** For one column: its text, or null; undefined: it is not known. */
export type Side = readonly (string | null | undefined)[]

export interface Judged {
  /** What the row is now; undefined: it is gone. */
  readonly after: Side | undefined
  /** What it was; undefined: it was not there. */
  readonly before: Side | undefined
}

/** `fixed`: columns that never change once a row is there. */
export function judge(change: WireChange, columns: readonly string[], fixed: ReadonlySet<string>): Judged {
  const { kind, key, row } = change
  const now = columns.map((column) => valueOf(column, row, key))
  if (kind === 'insert') return { after: now, before: undefined }
  const was = columns.map((column, index) =>
    kind === 'update' && fixed.has(column) ? now[index] : valueOf(column, key, undefined),
  )
  if (kind === 'delete') return { after: undefined, before: was }
  return { after: now, before: was }
}

/** An update that changed the key is what an outbox makes of it: one row went, another came. */
export function splitKeyChange(change: WireChange): readonly WireChange[] {
  const { keyBefore, ...rest } = change
  if (keyBefore === undefined) return [change]
  return [
    { ...rest, kind: 'delete', key: keyBefore, row: undefined },
    { ...rest, kind: 'insert' },
  ]
}

function valueOf(column: string, first: Values | undefined, second: Values | undefined): string | null | undefined {
  if (first !== undefined && Object.hasOwn(first, column)) return first[column]
  return second !== undefined && Object.hasOwn(second, column) ? second[column] : undefined
}

export function isKnown(side: Side): side is readonly (string | null)[] {
  return !side.includes(undefined)
}

export function mayMatch(side: Side, wanted: readonly (string | null)[]): boolean {
  return side.every((value, index) => value === undefined || value === wanted[index])
}
