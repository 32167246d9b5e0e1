// Which part of a table's rows a condition leaves, between 0 and 1. Where its value is known the planner itself is asked, which
// knows histograms and common values; else it is worked out from the statistics as the planner would for any value.

import type { Session } from '../../db/db.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { readPlan } from '../plan/read-plan.ts'
import type { ColumnStats, TableFacts } from '../plan/tables.ts'
import type { Want } from './wants.ts'

/** As the planner: selfuncs.h. */
const defaultEqual = 0.005
const defaultRange = 1 / 3
const defaultBetween = 0.005
const defaultContains = 0.01
const expectedInList = 10

export interface SelectivityTools {
  readonly session: Session
  readonly params: readonly unknown[] | undefined
  /** How many more times the planner may be asked. */
  readonly budget: { left: number }
}

export async function selectivityOf(want: Want, table: TableFacts, tools: SelectivityTools): Promise<number> {
  return (await askPlanner(want, table, tools)) ?? workOut(want, tools.params)
}

async function askPlanner(want: Want, table: TableFacts, tools: SelectivityTools): Promise<number | undefined> {
  const { rows } = table
  if (rows === undefined || rows < 1 || tools.budget.left <= 0 || want.joins !== undefined) return undefined
  const condition = printCondition(want, tools.params)
  if (condition === undefined) return undefined
  tools.budget.left--
  const { session } = tools
  await session.query({ text: 'savepoint asking', values: [] })
  try {
    const text = `explain (format json) select from ${quoteQualified(table.schema, table.name)} where ${condition.text}`
    const answer = await session.query<{ 'QUERY PLAN': unknown }>({ text, values: condition.values })
    const { root } = readPlan(answer.rows[0]?.['QUERY PLAN'])
    // Workers are given a part of the rows each; the node above them has them all.
    return Math.min(1, Math.max(root.planRows, 1) / rows)
  } catch {
    await session.query({ text: 'rollback to savepoint asking', values: [] })
    return undefined
  } finally {
    await session.query({ text: 'release savepoint asking', values: [] })
  }
}

/** As SQL; undefined: some of its values are not known. */
function printCondition(
  { key, predicate }: Want,
  params: readonly unknown[] | undefined,
): { readonly text: string; readonly values: readonly unknown[] } | undefined {
  const values: unknown[] = []
  const sides: string[] = []
  for (const side of predicate.right) {
    if (side.kind === 'constant') sides.push(side.sql)
    else if (side.kind === 'parameter' && params !== undefined) {
      values.push(params[side.number - 1])
      sides.push(`$${values.length}`)
    } else return undefined
  }
  const [first, second] = sides
  const { operator, kind } = predicate
  if (first === undefined) return { text: `${key.text} ${operator}`, values }
  if (operator === 'between') return { text: `${key.text} between ${first} and ${second ?? first}`, values }
  if (kind !== 'in') return { text: `${key.text} ${operator} ${first}`, values }
  const [only] = predicate.right
  const isArray = sides.length === 1 && only?.kind === 'parameter' && Array.isArray(values[0])
  return { text: isArray ? `${key.text} = any (${first})` : `${key.text} in (${sides.join(', ')})`, values }
}

function workOut({ key, predicate, joins }: Want, params: readonly unknown[] | undefined): number {
  const stats = key.column?.stats
  switch (predicate.kind) {
    case 'equal':
    case 'true':
    case 'false':
      return equalTo(stats)
    case 'in': {
      if (joins !== undefined) return equalTo(stats)
      const [only] = predicate.right
      const given = only?.kind === 'parameter' ? params?.[only.number - 1] : undefined
      const items = Array.isArray(given)
        ? given.length
        : predicate.right.length > 1
          ? predicate.right.length
          : expectedInList
      return Math.min(1, equalTo(stats) * items)
    }
    case 'null':
      return stats?.nullFraction ?? defaultEqual
    case 'not-null':
      return 1 - (stats?.nullFraction ?? defaultEqual)
    case 'range':
      return predicate.operator === 'between' ? defaultBetween : defaultRange
    case 'pattern':
      return defaultEqual
    case 'contains':
      return defaultContains
    default:
      return 1
  }
}

function equalTo(stats: ColumnStats | undefined): number {
  return stats === undefined ? defaultEqual : (1 - stats.nullFraction) / stats.distinct
}
