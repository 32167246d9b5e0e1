// A condition asks for something computed of a column, where an index knows only the column.

import { quoteIdent, quoteQualified } from '../../../sql/quote.ts'
import type { Operand, Predicate } from '../../../sql/query/index.ts'
import { describeNode, type PlanNode } from '../../plan/node.ts'
import type { TableFacts } from '../../plan/tables.ts'
import { columnIn, count, isScan, nameOfIndex, type Found, type Given, type InsightRule } from '../insight.ts'

const removedAtLeast = 10_000

export const functionInPredicate: InsightRule = {
  name: 'function-in-predicate',
  summary: 'A function or a cast around a column keeps indexes away',
  speaks:
    'a filter that compares a function, a cast or an operator of a column, and removes at least 10,000 rows (not run: on a table of as many)',
  why: 'An index is looked up by what it holds: the column, not what a function makes of it.',
  needsRun: false,
  look: (given) => given.nodes.filter(isScan).flatMap((node) => look(node, given)),
}

/** Functions of which it is certain that they may stand in an index: of others it depends on the type that they are called with. */
const steady: ReadonlySet<string> = new Set(
  'lower upper initcap md5 length char_length octet_length abs ceil floor btrim ltrim rtrim left right substr substring replace reverse split_part'.split(
    ' ',
  ),
)

const plainStrings: ReadonlySet<string> = new Set(['text', 'varchar'])

type Expression = Extract<Operand, { readonly kind: 'expression' }>

const compared: ReadonlySet<Predicate['kind']> = new Set(['equal', 'in', 'range'])

function look(node: PlanNode, given: Given): Found[] {
  const table = given.tableOf(node)
  const { actual } = node
  const weight = actual === undefined ? (table?.rows ?? 0) : actual.removed.filter
  if (table === undefined || weight < removedAtLeast) return []
  const wrapped = given
    .conditionsOf(node, 'Filter')
    .all.filter(({ kind }) => compared.has(kind))
    .find(({ left }) => isWrapped(left, table))
  if (wrapped?.left.kind !== 'expression') return []
  const { text, calls, columns } = wrapped.left
  const name = quoteQualified(table.schema, table.name)
  const casted = calls.length === 0 && /^\("(?:[^"]|"")*"::\w+\)$/.test(text)
  const index = nameOfIndex(table.name, ...columns.map((one) => one.name), ...calls)
  const column = columnIn(table, columns[0]?.name ?? '')
  return [
    {
      node,
      what: `${describeNode(node)} filters by ${text}${actual === undefined ? '' : `, which removed ${count(weight)} rows`}`,
      advice: casted
        ? `Compare "${column?.name ?? ''}" in its own type (${column?.type ?? ''}): cast the value, not the column. A parameter of another type does the same (a number for a text, numeric for an integer).`
        : 'Write the condition so that the column stands alone (a range in place of date_trunc), or index the expression.',
      ...(casted || !isSteady(wrapped.left, column?.category)
        ? {}
        : {
            fix: [`create index concurrently ${quoteIdent(index)} on ${name} ((${text}))`],
            undo: [`drop index concurrently ${quoteQualified(table.schema, index)}`],
          }),
      saves: actual === undefined ? 0.5 : actual.removed.filter / (actual.removed.filter + actual.rows),
    },
  ]
}

/** Certain to be the same for ever, as what stands in an index has to be. */
function isSteady({ calls, casts }: Expression, category: string | undefined): boolean {
  if (calls.length === 0) return category === 'N' && casts.length === 0
  // From one string to another; to a date, and from one, it depends on settings of the session.
  const castsAreSteady = casts.length === 0 || (category === 'S' && casts.every((type) => plainStrings.has(type)))
  return calls.every((call) => steady.has(call.split('.').at(-1) ?? '')) && castsAreSteady
}

/** varchar compared as text is the same for an index. */
function isWrapped(left: Operand, table: TableFacts): boolean {
  if (left.kind !== 'expression' || left.columns.length !== 1) return false
  const column = columnIn(table, left.columns[0]?.name ?? '')
  if (column === undefined) return false
  const relabelled =
    left.calls.length === 0 && left.text.startsWith('("') && left.casts.join() === 'text' && column.category === 'S'
  return !relabelled
}
