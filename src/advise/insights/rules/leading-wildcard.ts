// A pattern begins with a wildcard.

import { quoteIdent, quoteQualified } from '../../../sql/quote.ts'
import type { Operand } from '../../../sql/query/index.ts'
import { describeNode, type PlanNode } from '../../plan/node.ts'
import { count, isSequential, nameOfIndex, type Found, type Given, type InsightRule } from '../insight.ts'

const removedAtLeast = 10_000

export const leadingWildcard: InsightRule = {
  name: 'leading-wildcard',
  summary: 'A pattern begins with a wildcard',
  speaks: "LIKE '%x' or ILIKE on a Seq Scan that removes at least 10,000 rows (not run: on a table of as many)",
  why: 'An ordinary index finds what begins like something; what is in the middle it cannot find.',
  needsRun: false,
  look: (given) => given.nodes.filter(isSequential).flatMap((node) => look(node, given)),
}

function look(node: PlanNode, given: Given): Found[] {
  const table = given.tableOf(node)
  const weight = node.actual === undefined ? (table?.rows ?? 0) : node.actual.removed.filter
  if (table === undefined || weight < removedAtLeast) return []
  const pattern = given
    .conditionsOf(node, 'Filter')
    .all.find(({ kind, operator, right }) => kind === 'pattern' && (operator === '~~*' || beginsWild(right[0])))
  const named =
    pattern?.left.kind === 'column'
      ? pattern.left.column.name
      : pattern?.left.kind === 'expression'
        ? pattern.left.columns[0]?.name
        : undefined
  if (named === undefined) return []
  const index = nameOfIndex(table.name, named, 'trgm')
  return [
    {
      node,
      what: `${describeNode(node)} looks for a pattern in "${named}"${node.actual === undefined ? '' : ` and threw away ${count(weight)} rows`}`,
      advice:
        'A trigram index (pg_trgm) finds text in the middle, and knows no upper and lower case; for words, full text search.',
      fix: [
        'create extension if not exists pg_trgm',
        `create index concurrently ${quoteIdent(index)} on ${quoteQualified(table.schema, table.name)} using gin (${quoteIdent(named)} gin_trgm_ops)`,
      ],
      undo: [`drop index concurrently ${quoteQualified(table.schema, index)}`],
      saves: 0.9,
    },
  ]
}

function beginsWild(right: Operand | undefined): boolean {
  return right?.kind === 'constant' && /^[%_]/.test(right.value ?? '')
}
