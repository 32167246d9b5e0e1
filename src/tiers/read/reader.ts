// Rows of a table and what they come to, wherever they are kept: in the table, packed, or archived. A reader is a value: each of its
// methods gives another one, or asks.
//
// What holds: an answer is of one moment. Rows come in order of time; of an archive no file is fetched that has nothing of what is
// asked for.

import { onlyRow } from '../../db/db.ts'
import { atOneMoment } from './across.ts'
import { columnNamed, everything, filtersOf, intervalOf, type Asked, type ReadTier } from './asked.ts'
import { loadCold } from './cold.ts'
import { measureStatement, type Measure } from './measures.ts'
import { readRows, type HistoryRow, type ReaderTools, type RowOptions } from './rows.ts'
import { readSpans } from './spans.ts'

export interface TierReader {
  /** Of the column that the table is partitioned by: from then on, and before then. Null or undefined: no bound. */
  between(from: unknown, to: unknown): TierReader
  /** Columns and what they are equal to; null: they are null. */
  where(values: Readonly<Record<string, unknown>>): TierReader
  /** Of all columns these; the others are not unfolded. */
  columns(names: readonly string[]): TierReader
  /** Only rows that are there: `hot` in the table, `warm` packed, `cold` archived. */
  in(...tiers: readonly ReadTier[]): TierReader
  /** In order of time. */
  rows(options?: RowOptions): AsyncIterable<HistoryRow>
  count(): Promise<number>
  /** As PostgreSQL writes it; null: there is nothing to add up. */
  sum(column: string): Promise<string | null>
  min(column: string): Promise<unknown>
  max(column: string): Promise<unknown>
}

export function createReader(tools: ReaderTools, asked: Asked = everything): TierReader {
  const also = (more: Partial<Asked>): TierReader => createReader(tools, { ...asked, ...more })
  return {
    between: (from, to) => also({ from, to }),
    where: (values) => also({ where: { ...asked.where, ...values } }),
    columns: (names) => also({ columns: names }),
    in: (...tiers) => also({ tiers: new Set(tiers) }),
    rows: (options = {}) => readRows(tools, asked, options),
    count: async () => Number(await measure(tools, asked, { kind: 'count' })),
    sum: async (column) => (await measure(tools, asked, { kind: 'sum', column })) as string | null,
    min: (column) => measure(tools, asked, { kind: 'min', column }),
    max: (column) => measure(tools, asked, { kind: 'max', column }),
  }
}

type NamedMeasure = { readonly kind: 'count' } | { readonly kind: 'sum' | 'min' | 'max'; readonly column: string }

async function measure({ db, table, openCold }: ReaderTools, asked: Asked, named: NamedMeasure): Promise<unknown> {
  const cold = openCold()
  try {
    return await atOneMoment(db, table, async ({ tx, objects, archives }) => {
      const of: Measure =
        named.kind === 'count' ? named : { kind: named.kind, column: columnNamed(objects, named.column) }
      const interval = intervalOf(asked)
      const wanted = { ...interval, filters: filtersOf(objects, asked) }
      const packs = asked.tiers.has('warm') ? objects.packs : []
      const found = asked.tiers.has('cold') ? archives : []
      const spans = await readSpans(tx, objects, { ...interval, packs, archives: found })
      const loaded: string[] = []
      for (const { archive } of spans) {
        if (archive !== undefined) loaded.push(await loadCold(tx, cold, { objects, archive, ...interval }))
      }
      const sources = { hasTable: asked.tiers.has('hot'), packs: spans.flatMap(({ pack }) => pack ?? []), loaded }
      return onlyRow(await tx.query<{ value: unknown }>(measureStatement(objects, { measure: of, wanted, sources })))
        .value
    })
  } finally {
    cold.close()
  }
}
