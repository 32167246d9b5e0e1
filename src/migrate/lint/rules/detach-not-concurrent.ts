import { actionsOf } from '../alter.ts'
import { child, flag, tableOf } from '../ast.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

export const detachNotConcurrent: Rule = {
  name: 'detach-not-concurrent',
  harm: 'lock-brief',
  summary: 'DETACH PARTITION without CONCURRENTLY.',
  why: 'DETACH takes ACCESS EXCLUSIVE on the partitioned table: it waits for every query on it, and all others wait behind.',
  bad: 'alter table events detach partition events_2024;',
  good: 'alter table events detach partition events_2024 concurrently;',
  check: ({ statement }) =>
    actionsOf(statement, 'AT_DetachPartition').flatMap(({ table, definition }) => {
      const partition = tableOf(child(definition?.node, 'name'))
      if (partition === undefined || flag(definition?.node, 'concurrent')) return []
      const detach = `alter table ${showTable(table)} detach partition ${showTable(partition)}`
      return {
        message: `Detaching ${showTable(partition)} locks all of ${showTable(table)} against everything`,
        fix: `${detach} concurrently; -- after a failure: ${detach} finalize`,
        table,
        lock: 'ACCESS EXCLUSIVE' as const,
      }
    }),
}
