// Updates touch every index.

import { quoteQualified } from '../../../sql/quote.ts'
import { describeNode, type PlanNode } from '../../plan/node.ts'
import type { TableFacts } from '../../plan/tables.ts'
import { count, percent, type Found, type Given, type InsightRule } from '../insight.ts'

const ratioBelow = 0.5
const manyIndexes = 2

export const nonHotUpdates: InsightRule = {
  name: 'non-hot-updates',
  summary: 'Updates write into every index',
  speaks: 'an UPDATE of a table with two indexes or more, of whose updates so far less than half were HOT',
  why: 'An update that changes no indexed column and finds room on its page leaves the indexes alone; any other writes to all of them.',
  needsRun: false,
  look: (given) =>
    given.nodes
      .filter(({ type, operation }) => type === 'ModifyTable' && operation === 'Update')
      .flatMap((node) => look(node, given)),
}

function look(node: PlanNode, given: Given): Found[] {
  const table = given.tableOf(node)
  if (table?.hotRatio === undefined || table.hotRatio >= ratioBelow || table.indexes.length < manyIndexes) return []
  const name = quoteQualified(table.schema, table.name)
  return [
    {
      node,
      subject: `table ${name}`,
      what: `${percent(table.hotRatio)} of the updates of ${describeNode(node).replace(/^\w+ on /, '')} so far were HOT; it has ${count(table.indexes.length)} indexes`,
      advice:
        'Drop indexes on columns that change often and are not searched by; leave room on pages with a fillfactor (it holds for pages written from then on).',
      ...roomOnPages(table),
      saves: 0.5 * (1 - table.hotRatio),
    },
  ]
}

const wantedFillfactor = 90

/** A partitioned table has none of its own, and what has room already would have less. */
function roomOnPages({
  schema,
  name,
  isPartitioned,
  fillfactor,
  ownFillfactor,
}: TableFacts): Pick<Found, 'fix' | 'undo'> {
  if (isPartitioned || fillfactor <= wantedFillfactor) return {}
  const alter = `alter table ${quoteQualified(schema, name)}`
  return {
    fix: [`${alter} set (fillfactor = ${wantedFillfactor})`],
    undo: [ownFillfactor ? `${alter} set (fillfactor = ${fillfactor})` : `${alter} reset (fillfactor)`],
  }
}
