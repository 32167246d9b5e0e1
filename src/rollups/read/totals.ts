// The reader of totals: one row for each key, of all time and in windows, as far as it is merged. Its statement is one read of
// the view, which an index answers where the order is one that is declared.

import type { Sql } from '../../sql/sql.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { totalsViewOf } from '../model/names.ts'
import type { Rollup } from '../model/options.ts'
import { isInTotals, type Shape } from '../model/shape.ts'
import {
  everything,
  parseConditions,
  parseJoins,
  parseNames,
  parseOrder,
  parseRows,
  refuse,
  type Asked,
} from './asked.ts'
import { shownInTotals } from '../kept/totals-tables.ts'
import { requireFilled } from './compile.ts'
import { finishRead } from './finish.ts'
import { whereOf } from './groups.ts'
import type { DeclaredRollup, TotalsReader } from './types.ts'

interface TotalsTools {
  readonly rollup: Rollup
  readonly shape: () => Promise<Shape>
  /** Sends the statement. */
  readonly read: (statement: Sql) => Promise<readonly unknown[]>
}

type AnyTotals = TotalsReader<DeclaredRollup, string, string>

export function createTotalsReader(tools: TotalsTools): AnyTotals {
  const { rollup } = tools
  if (rollup.totals === undefined) throw refuse(rollup, 'totals()', 'a rollup that declares `totals`', 'one without')
  return readerFor(tools, { ...everything, by: rollup.by })
}

function readerFor(tools: TotalsTools, asked: Asked): AnyTotals {
  const { rollup, read } = tools
  const further = (more: Partial<Asked>): never => readerFor(tools, { ...asked, ...more }) as never
  const compile = async (): Promise<Sql> => compileTotals(await tools.shape(), asked)
  return Object.freeze({
    where: (keys: unknown) => further({ where: [...asked.where, ...parseConditions(rollup, keys)] }),
    measures: (...names: readonly unknown[]) =>
      further({ measures: parseNames(rollup, 'measures()', names, columnsOf(rollup)) }),
    join: (joins: unknown) => further({ joins: [...asked.joins, ...parseJoins(rollup, joins)] }),
    orderBy: (name: unknown, direction: unknown = 'asc') =>
      further({ order: [...asked.order, parseOrder(rollup, name, direction)] }),
    limit: (rows: unknown) => further({ limit: parseRows(rollup, 'limit()', rows) }),
    offset: (rows: unknown) => further({ offset: parseRows(rollup, 'offset()', rows) }),
    compile,
    rows: async () => (await read(await compile())) as never,
  }) as AnyTotals
}

/** As declared: measures of all time, those of each window, and what is computed. */
function columnsOf({ measures: all, totals }: Rollup): readonly string[] {
  const measures = all.filter(isInTotals)
  return [
    ...measures.map(({ name }) => name),
    ...(totals?.windows ?? []).flatMap((window) => measures.map(({ name }) => `${name}_${window.name}`)),
    ...(totals?.compute ?? []).map(({ name }) => name),
  ]
}

function compileTotals(shape: Shape, asked: Asked): Sql {
  const { rollup } = shape
  const shown = shownInTotals(shape)
  const measures = asked.measures ?? shown
  requireFilled(
    rollup,
    measures.length === 0 ? columnsOf(rollup) : measures,
    shown.map((name) => ({ name })),
  )
  const select = sql`${sql.raw(`select ${[...asked.by, ...measures].map(quoteIdent).join(', ')}\nfrom ${totalsViewOf(rollup)}`)}${whereOf(asked)}`
  return finishRead(rollup, asked, { select, measures })
}
