// A statement as its conditions, for whoever looks at plans or wants to know which index would serve.

import { parseSql, type AstNode, type ParsedStatement } from '../parse.ts'
import { listOf, namesOf, visit } from './operands.ts'
import { readConditions, type Conditions } from './predicates.ts'

export { columnsOfOperand, type ColumnName, type Operand } from './operands.ts'
export { readLevels, type QueryLevel } from './levels.ts'
export { isFixed, type Conditions, type Predicate } from './predicates.ts'

/** The highest $n; 0 for none. */
export function countParameters(statement: Pick<ParsedStatement, 'node'>): number {
  let highest = 0
  visit(statement.node, (node) => {
    const reference = node['ParamRef'] as AstNode | undefined
    if (reference !== undefined) highest = Math.max(highest, Number(reference['number'] ?? 0))
  })
  return highest
}

export interface NamedFunction {
  readonly schema: string | undefined
  readonly name: string
}

export function functionsIn(statement: Pick<ParsedStatement, 'node'>): readonly NamedFunction[] {
  const found = new Map<string, NamedFunction>()
  visit(statement.node, (node) => {
    const call = node['FuncCall'] as AstNode | undefined
    if (call === undefined) return
    const parts = namesOf(call['funcname'])
    const one = { schema: parts.at(-2), name: parts.at(-1) ?? '' }
    found.set(JSON.stringify(one), one)
  })
  return [...found.values()]
}

export interface ColumnDemand {
  /** `with … as materialized (…)`, by name. */
  readonly materialized: readonly string[]
  readonly isStar: boolean
}

/** What a statement asks for besides its conditions. */
export function readDemand(statement: Pick<ParsedStatement, 'node'>): ColumnDemand {
  const materialized: string[] = []
  visit(statement.node, (node) => {
    const cte = node['CommonTableExpr'] as AstNode | undefined
    if (cte?.['ctematerialized'] === 'CTEMaterializeAlways') materialized.push(String(cte['ctename']))
  })
  let isStar = false
  for (const target of listOf(statement.node['targetList'])) {
    const reference = ((target['ResTarget'] as AstNode | undefined)?.['val'] as AstNode | undefined)?.['ColumnRef']
    isStar ||= listOf((reference as AstNode | undefined)?.['fields']).some((field) => field['A_Star'] !== undefined)
  }
  return { materialized, isStar }
}

/** A condition as EXPLAIN prints it. What does not parse by itself ("hashed SubPlan 1") has none that are known. */
export async function parseCondition(text: string): Promise<Conditions> {
  try {
    const [statement] = await parseSql(`select where ${text}`)
    return readConditions(statement?.node['whereClause'] as AstNode | undefined)
  } catch {
    return { all: [], either: [] }
  }
}
