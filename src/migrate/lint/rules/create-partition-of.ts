import { child, members, tableOf } from '../ast.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const createPartitionOf: Rule = {
  name: 'create-partition-of',
  harm: 'lock-brief',
  summary: 'CREATE TABLE … PARTITION OF.',
  why: 'It takes ACCESS EXCLUSIVE on the partitioned table. A table that is made first and attached then needs SHARE UPDATE EXCLUSIVE only, which blocks neither reads nor writes.',
  bad: "create table events_2027 partition of events for values from ('2027-01-01') to ('2028-01-01');",
  good: `create table events_2027 (like events including all);
alter table events attach partition events_2027 for values from ('2027-01-01') to ('2028-01-01');`,
  check: ({ statement: { kind, node } }) => {
    const parent = tableOf(members(node, 'inhRelations', 'RangeVar')[0])
    const table = tableOf(child(node, 'relation'))
    if (kind !== 'CreateStmt' || child(node, 'partbound') === undefined || parent === undefined || table === undefined)
      return []
    return [
      {
        message: `Creating ${showTable(table)} as a partition locks all of ${showTable(parent)} against everything for an instant`,
        fix: [
          `create table ${showTable(table)} (like ${showTable(parent)} including all);`,
          `alter table ${showTable(parent)} attach partition ${showTable(table)} for values …;`,
        ].join('\n'),
        table: parent,
        lock: 'ACCESS EXCLUSIVE',
      },
    ]
  },
}
