// Where the rows of a source are read: in its table, or, where old partitions may be packed, in the history of it.
//
// What holds: the parts of an interval have no row in common and together all rows of the source in it, and rows of one bucket
// lie in one part, so what each comes to by key stands side by side. Rows at infinity are in the table: what is packed has
// bounds. No statement unpacks what the interval leaves out, as far as the interval is one of the column by which packs lie.

import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import type { Shape, TieredSource } from './shape.ts'

/** From an instant on and before another, in the type of the column of time as SQL writes it; undefined: open. */
export interface Span {
  readonly from: string | undefined
  readonly to: string | undefined
  /** And what is at the end of all time. */
  readonly orInfinite?: true
}

export interface SourceRows {
  readonly from: string
  readonly where: string | undefined
}

/** All of its rows. */
export function sourceOf({ rollup, tiered }: Shape): string {
  return tiered?.history ?? quoteQualified(rollup.schema, rollup.table)
}

/** In the order in which readers lock them; LOCK TABLE of the history alone would come to partitions before it comes to packs. */
export function lockRows(shape: Shape): string {
  const { rollup, tiered } = shape
  const table = quoteQualified(rollup.schema, rollup.table)
  const relations = tiered === undefined ? [table] : [`only ${table}`, tiered.unpacked, tiered.history]
  return `lock table ${relations.join(', ')} in access share mode`
}

/** The functions that give rows by the column of time; undefined: there are none, or they go by another column. */
export function functionsOf({ rollup: { bucket }, tiered }: Shape): TieredSource | undefined {
  return bucket !== undefined && tiered?.axis === bucket.column ? tiered : undefined
}

/** For what an interval that is no constant cuts off at its ends. */
export function cutOf(shape: Shape): string | undefined {
  return functionsOf(shape)?.cut
}

/** `where`: what rows of the span have to meet as well. */
function partsOf(shape: Shape, { from, to, orInfinite }: Span, where: string | undefined): readonly SourceRows[] {
  const between = functionsOf(shape)?.between
  const { rollup, bucketType } = shape
  if (between === undefined || (from === undefined && to === undefined)) return [{ from: sourceOf(shape), where }]
  const infinite = `'infinity'::pg_catalog.${bucketType ?? ''}`
  const bounded = {
    from: `${between}(${from ?? `'-infinity'::pg_catalog.${bucketType ?? ''}`}, ${to ?? infinite})`,
    where,
  }
  if (to !== undefined && orInfinite !== true) return [bounded]
  const last = [`${quoteIdent(rollup.bucket?.column ?? '')} = ${infinite}`, ...(where === undefined ? [] : [where])]
  return [bounded, { from: quoteQualified(rollup.schema, rollup.table), where: last.join(' and ') }]
}

/** A query over rows of the source, for each part of the span. */
export function overSource(
  shape: Shape,
  { span, where }: { readonly span: Span; readonly where: string | undefined },
  query: (rows: SourceRows) => string,
): string {
  return partsOf(shape, span, where).map(query).join('\nunion all\n')
}
