// What the objects of a rollup are called. Readers' objects stand beside the source; the rest in schema "pgstrata".

import { createHash } from 'node:crypto'
import { quoteQualified } from '../../sql/quote.ts'
import type { Rollup, TimeUnit } from './options.ts'

/** Exact to the last commit, one row for each bucket and key. */
export function viewOf({ schema, name }: Pick<Rollup, 'schema' | 'name'>): string {
  return quoteQualified(schema, name)
}

/** The same, not regrouped: for readers that add up anyway. */
export function partsOf({ schema, name }: Pick<Rollup, 'schema' | 'name'>): string {
  return quoteQualified(schema, `${name}_parts`)
}

/** What was merged. */
export function mergedOf({ schema, name }: Pick<Rollup, 'schema' | 'name'>): string {
  return quoteQualified(schema, `${name}_merged`)
}

/** One row for each key, as far as it is merged. */
export function totalsViewOf({ schema, name }: Pick<Rollup, 'schema' | 'name'>): string {
  return quoteQualified(schema, `${name}_totals`)
}

/** The same of all time, with what is pending. */
export function everViewOf({ schema, name }: Pick<Rollup, 'schema' | 'name'>): string {
  return quoteQualified(schema, `${name}_ever`)
}

/** What that one reads. */
export function totalsOf({ name }: Pick<Rollup, 'name'>): string {
  return quoteQualified('pgstrata', `${name}_totals`)
}

/** By a coarser bucket: exact to the last commit, one row for each key. */
export function levelViewOf({ schema, name }: Pick<Rollup, 'schema' | 'name'>, unit: TimeUnit): string {
  return quoteQualified(schema, `${name}_${unit}`)
}

/** What was merged, by a coarser bucket. */
export function levelOf({ schema, name }: Pick<Rollup, 'schema' | 'name'>, unit: TimeUnit): string {
  return quoteQualified(schema, `${name}_${unit}_merged`)
}

/** What is still to be merged. */
export function deltaOf({ name }: Pick<Rollup, 'name'>): string {
  return quoteQualified('pgstrata', `${name}_delta`)
}

/** The same to whoever may read the source. */
export function pendingViewOf({ schema, name }: Pick<Rollup, 'schema' | 'name'>): string {
  return quoteQualified(schema, `${name}_delta`)
}

/** How often each value of a measure is there, by key, as far as it is merged. */
export function membersOf({ name }: Pick<Rollup, 'name'>, measure: string): string {
  return quoteQualified('pgstrata', `${name}_${measure}_values`)
}

/** What is still to be merged of that. */
export function membersDeltaOf({ name }: Pick<Rollup, 'name'>, measure: string): string {
  return quoteQualified('pgstrata', `${name}_${measure}_values_delta`)
}

/** Both, exact, not regrouped: what the typed reader adds up. */
export function membersViewOf({ schema, name }: Pick<Rollup, 'schema' | 'name'>, measure: string): string {
  return quoteQualified(schema, `${name}_${measure}_values`)
}

/**
 * How often each value is there by the key of totals, of all time and in each window. Without a bucket that is what `membersOf`
 * holds, and it is kept once.
 */
export function membersTotalsOf(rollup: Pick<Rollup, 'name' | 'bucket'>, measure: string): string {
  if (rollup.bucket === undefined) return membersOf(rollup, measure)
  return quoteQualified('pgstrata', `${rollup.name}_${measure}_totals`)
}

/** Locked by whoever merges, rebuilds or advances: with windows, it holds one row, the instant that they are of. */
export function lockOf({ name }: Pick<Rollup, 'name'>): string {
  return quoteQualified('pgstrata', `${name}_lock`)
}

export const captureEvents = ['insert', 'update', 'delete', 'truncate'] as const
export type CaptureEvent = (typeof captureEvents)[number]
/** `row`: of each row that is written as a replica writes it. */
export type CaptureFunction = CaptureEvent | 'row'

/** One for each event of a source, whatever rollups there are on it. */
export function functionOf(
  source: { readonly schema: string; readonly table: string },
  event: CaptureFunction,
): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([source.schema, source.table]))
    .digest('hex')
  return quoteQualified('pgstrata', `rollups_${digest.slice(0, 12)}_${event}`)
}

export function triggerOf(event: CaptureFunction): string {
  return `pgstrata_rollups_${event}`
}
