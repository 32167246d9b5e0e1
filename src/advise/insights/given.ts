// What rules look at, gathered: the plan, what the catalog says of its tables, and its conditions taken apart. Reads only.

import type { Queryable } from '../../db/db.ts'
import { parseCondition, readDemand, readLevels, type Conditions } from '../../sql/query/index.ts'
import { conditionNames, listNodes, type ConditionName, type Plan, type PlanNode } from '../plan/node.ts'
import type { CheckedStatement } from '../plan/statement.ts'
import { readTables, type TableFacts } from '../plan/tables.ts'
import type { Given, StatementFacts } from './insight.ts'

export interface Gathered {
  readonly plan: Plan
  readonly settings: Readonly<Record<string, string>>
  readonly statement?: CheckedStatement | undefined
  readonly costs?: Given['costs']
}

export async function gather(on: Queryable, gathered: Gathered): Promise<Given> {
  const named = listNodes(gathered.plan.root).flatMap(({ relation, schema }) =>
    relation === undefined ? [] : [{ schema, name: relation }],
  )
  const names = [...new Map(named.map((name) => [JSON.stringify(name), name])).values()]
  const tables = (await readTables(on, names)).filter((table) => table !== undefined)
  return await toGiven(gathered, tables)
}

/** Of a plan that is there already. */
export async function toGiven(gathered: Gathered, tables: readonly TableFacts[]): Promise<Given> {
  const { plan, settings, statement, costs } = gathered
  const nodes = listNodes(plan.root)
  const conditions = await readAllConditions(nodes)
  const workMemBytes = Number(settings['work_mem'] ?? 4_096) * 1_024
  return {
    plan,
    nodes,
    settings,
    work: {
      workMemBytes,
      hashMemBytes: workMemBytes * Number(settings['hash_mem_multiplier'] ?? 2),
      blockBytes: Number(settings['block_size'] ?? 8_192),
    },
    tableOf: ({ schema, relation }) =>
      relation === undefined ? undefined : tables.find((one) => one.name === relation && one.schema === schema),
    conditionsOf: (node, name) => conditions.get(node.id)?.[name] ?? { all: [], either: [] },
    statement: statement === undefined ? undefined : readStatement(statement),
    costs,
  }
}

async function readAllConditions(
  nodes: readonly PlanNode[],
): Promise<ReadonlyMap<number, Partial<Record<ConditionName, Conditions>>>> {
  const found = new Map<number, Partial<Record<ConditionName, Conditions>>>()
  for (const { id, conditions } of nodes) {
    const parsed: Partial<Record<ConditionName, Conditions>> = {}
    for (const name of conditionNames) {
      const text = conditions[name]
      if (text !== undefined) parsed[name] = await parseCondition(text)
    }
    found.set(id, parsed)
  }
  return found
}

function readStatement(statement: CheckedStatement): StatementFacts {
  const levels = readLevels(statement)
  const [outermost] = levels
  const { offset } = outermost ?? {}
  const given =
    offset?.kind === 'constant'
      ? offset.value
      : offset?.kind === 'parameter'
        ? statement.params?.[offset.number - 1]
        : undefined
  return {
    ...readDemand(statement),
    offset: given === undefined || given === null ? undefined : Number(given),
    predicates: levels.flatMap(({ conditions }) => conditions.all),
  }
}
