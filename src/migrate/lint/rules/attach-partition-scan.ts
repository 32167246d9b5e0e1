import { actionsOf } from '../alter.ts'
import { child, flag, tableOf } from '../ast.ts'
import { knownChecks } from '../history.ts'
import { derivedName, showIdent, showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const attachPartitionScan: Rule = {
  name: 'attach-partition-scan',
  harm: 'scan-blocking-all',
  summary: 'ATTACH PARTITION of a table that has no validated CHECK on the partition key.',
  why: 'All rows of the new partition are read under ACCESS EXCLUSIVE on it, unless a validated CHECK already says that they are within its bounds.',
  bad: "alter table events attach partition events_old for values from ('2024-01-01') to ('2025-01-01');",
  good: `alter table events_old add constraint events_old_bounds
  check (at is not null and at >= '2024-01-01' and at < '2025-01-01') not valid;
-- in a transaction of its own:
alter table events_old validate constraint events_old_bounds;
alter table events attach partition events_old for values from ('2024-01-01') to ('2025-01-01');`,
  check: (context) =>
    actionsOf(context.statement, 'AT_AttachPartition').flatMap(({ table, definition }) => {
      const partition = tableOf(child(definition?.node, 'name'))
      if (partition === undefined) return []
      const key = context.table(table)?.partitionKey ?? []
      const proven = knownChecks(context, partition).some(
        ({ validated, columns }) =>
          validated && (key.length === 0 ? columns.length > 0 : key.some((column) => columns.includes(column))),
      )
      if (proven || flag(child(definition?.node, 'bound'), 'is_default')) return []
      const check = derivedName(partition.name, 'bounds')
      const column = showIdent(key[0] ?? 'key')
      return {
        message: `Attaching ${showTable(partition)} to ${showTable(table)} reads all of it while nobody may use it`,
        fix: [
          `alter table ${showTable(partition)} add constraint ${check} check (${column} is not null and ${column} >= … and ${column} < …) not valid;`,
          '-- in a transaction of its own:',
          `alter table ${showTable(partition)} validate constraint ${check};`,
          `${context.statement.text};`,
        ].join('\n'),
        table: partition,
        lock: 'ACCESS EXCLUSIVE' as const,
      }
    }),
}
