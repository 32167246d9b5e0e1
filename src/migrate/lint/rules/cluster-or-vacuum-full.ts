import { child, hasOption, members, tableOf } from '../ast.ts'
import { showTable, type TableName } from '../names.ts'
import type { Rule, Violation } from '../types.ts'

export const clusterOrVacuumFull: Rule = {
  name: 'cluster-or-vacuum-full',
  harm: 'rewrite',
  summary: 'CLUSTER and VACUUM FULL.',
  why: 'The table and all its indexes are written anew under ACCESS EXCLUSIVE.',
  bad: 'vacuum full plays;',
  good: 'vacuum plays; -- and where the space must go back: pg_repack, which locks for an instant only',
  check: ({ statement: { kind, node } }) => {
    if (kind === 'ClusterStmt') return [describe('CLUSTER', tableOf(child(node, 'relation')))]
    if (kind !== 'VacuumStmt' || !hasOption(node, 'options', 'full')) return []
    const tables = members(node, 'rels', 'VacuumRelation').map((relation) => tableOf(child(relation, 'relation')))
    return tables.length === 0
      ? [describe('VACUUM FULL', undefined)]
      : tables.map((table) => describe('VACUUM FULL', table))
  },
}

function describe(command: string, table: TableName | undefined): Violation {
  return {
    message: `${command} writes ${table === undefined ? 'every table' : `all of ${showTable(table)}`} anew while nobody may use it`,
    fix:
      table === undefined
        ? 'Plain VACUUM, or pg_repack table by table.'
        : `pg_repack --table ${showTable(table)}, or plain VACUUM if the space may stay with the table.`,
    table,
    lock: 'ACCESS EXCLUSIVE',
  }
}
