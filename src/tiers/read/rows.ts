// Rows of a history in order of time, a batch at a time. Partitions do not share a moment, so they are read one after the other, and
// nothing is sorted that is larger than one of them.

import type { Db } from '../../db/db.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql, type Sql } from '../../sql/sql.ts'
import type { TieredTable } from '../model/options.ts'
import { duringOneMoment, type Moment } from './across.ts'
import { columnsAsked, filtersOf, inRow, intervalOf, type Asked } from './asked.ts'
import { looseBranch, packBranch, rowsBranch, selectFrom, tableBranch, type Wanted } from './branches.ts'
import { loadCold, type ColdTools } from './cold.ts'
import { readSpans, type Span } from './spans.ts'

export interface ReaderTools {
  readonly db: Db
  readonly table: TieredTable
  /** What it takes to read archives, for the length of a question. */
  readonly openCold: () => ColdTools
}

export interface RowOptions {
  /** Rows that are fetched at a time. */
  readonly batch?: number
  readonly signal?: AbortSignal
}

export type HistoryRow = Readonly<Record<string, unknown>>

interface FetchOptions {
  readonly batch: number
  readonly signal: AbortSignal | undefined
}

const usualBatch = 1_000

export async function* readRows(
  { db, table, openCold }: ReaderTools,
  asked: Asked,
  { batch = usualBatch, signal }: RowOptions,
): AsyncGenerator<HistoryRow> {
  const cold = openCold()
  try {
    yield* duringOneMoment(db, table, async function* (moment) {
      const { tx, objects, archives } = moment
      const packs = asked.tiers.has('warm') ? objects.packs : []
      const found = asked.tiers.has('cold') ? archives : []
      const spans = await readSpans(tx, objects, { ...intervalOf(asked), packs, archives: found })
      for (const span of spans) {
        const { archive } = span
        const loaded = archive === undefined ? [] : [await loadCold(tx, cold, { ...span, objects, archive, signal })]
        const statement = spanStatement(moment, asked, { span, loaded })
        if (statement !== undefined) yield* fetchAll(moment, statement, { batch, signal })
        // Its room is free at once, as it was made by this transaction; that of a dropped one, only behind it.
        for (const relation of loaded) await tx.query(sql.raw(`truncate only ${relation}`))
      }
      if (spans.length > 1) yield* fetchTimeless(moment, asked, { batch, signal })
    })
  } finally {
    cold.close()
  }
}

interface SpanSources {
  readonly span: Span
  /** Relations of this transaction. */
  readonly loaded: readonly string[]
}

/** Undefined: nothing of what is asked for can be in it. */
function spanStatement({ objects }: Moment, asked: Asked, { span, loaded }: SpanSources): Sql | undefined {
  const columns = columnsAsked(objects, asked)
  const wanted: Wanted = { since: span.since, until: span.until, filters: filtersOf(objects, asked) }
  const branches = [
    ...(asked.tiers.has('hot') ? [tableBranch(objects, wanted)] : []),
    ...(span.pack === undefined
      ? []
      : [looseBranch(objects, span.pack, wanted), packBranch(objects, span.pack, { ...wanted, columns })]),
    ...loaded.map((relation) => rowsBranch(objects, relation, wanted)),
  ]
  if (branches.length === 0) return undefined
  const list = [...columns.map((column) => inRow('r', column)), `${inRow('r', objects.axis)} as pgstrata_place`]
  const parts = branches.map((branch) => selectFrom(branch, list.join(', ')))
  const names = columns.map(({ name }) => `h.${quoteIdent(name)}`).join(', ')
  return sql`select ${sql.raw(names)}
from (
${sql.join(parts, '\nunion all\n')}
) as h
order by h.pgstrata_place`
}

/** Rows without a moment, which no interval has. They are in the table, in its default partition. */
async function* fetchTimeless(moment: Moment, asked: Asked, options: FetchOptions): AsyncGenerator<HistoryRow> {
  const { objects } = moment
  const { since, until } = intervalOf(asked)
  if (objects.axis.notNull || since !== undefined || until !== undefined || !asked.tiers.has('hot')) return
  const { from, conditions } = tableBranch(objects, { since, until, filters: filtersOf(objects, asked) })
  const isTimeless = sql.raw(`${inRow('r', objects.axis)} is null`)
  const list = columnsAsked(objects, asked).map((column) => inRow('r', column))
  yield* fetchAll(moment, selectFrom({ from, conditions: [...conditions, isTimeless] }, list.join(', ')), options)
}

async function* fetchAll({ tx }: Moment, statement: Sql, { batch, signal }: FetchOptions): AsyncGenerator<HistoryRow> {
  await tx.query(sql`declare pgstrata_rows no scroll cursor for ${statement}`)
  const fetch = sql.raw(`fetch ${Math.max(1, Math.trunc(batch))} from pgstrata_rows`)
  for (;;) {
    signal?.throwIfAborted()
    const { rows } = await tx.query<HistoryRow>(fetch)
    if (rows.length === 0) break
    yield* rows
  }
  await tx.query(sql`close pgstrata_rows`)
}
