// A view's query, taken apart: one table that is counted, others that only describe its rows, keys, a bucket, measures. Each
// thing that no rollup can keep is an obstacle of its own. Pure.

import type { AstNode } from '../sql/parse.ts'
import { listOf, stringOf } from './ast.ts'
import { measureKinds, type RollupDraft } from './declaration.ts'
import { findSource, type RelationFacts, type Source } from './sources.ts'
import { clauseBehind, insideBrackets, sliceFrom, withoutAlias, withoutBrackets } from './slices.ts'

interface Analysis {
  readonly draft: RollupDraft | undefined
  readonly notes: readonly string[]
  readonly obstacles: readonly string[]
}

/** A clause that a rollup has nothing for, and how it is called. */
const refused: Readonly<Record<string, string>> = {
  withClause: 'it has a WITH',
  distinctClause: 'it is a SELECT DISTINCT',
  havingClause: 'it has a HAVING: say that when you read',
  limitCount: 'it has a LIMIT: say that when you read',
  limitOffset: 'it has an OFFSET: say that when you read',
  windowClause: 'it has window functions',
  valuesLists: 'it is a VALUES list',
}

export function analyse(text: string, node: AstNode, relations: readonly RelationFacts[]): Analysis {
  const obstacles = Object.entries(refused).flatMap(([key, why]) => (node[key] === undefined ? [] : [why]))
  if (node['op'] !== undefined && node['op'] !== 'SETOP_NONE') obstacles.push('it is a UNION, INTERSECT or EXCEPT')
  const source = findSource(node, relations)
  if ('obstacles' in source) return { draft: undefined, notes: [], obstacles: [...obstacles, ...source.obstacles] }
  const work: Work = { text, source, obstacles, notes: [], by: new Set(), measures: [], bucket: undefined }
  for (const group of listOf(node['groupClause'])) readKey(work, group)
  for (const target of listOf(node['targetList'])) readTarget(work, target['ResTarget'] as AstNode)
  if (work.measures.length === 0 && obstacles.length === 0)
    obstacles.push('it counts nothing: there is no aggregate in it')
  const where =
    node['whereClause'] === undefined ? undefined : clauseBehind(text, 'WHERE', ['GROUP BY', 'ORDER BY', 'LIMIT'])
  if (where !== undefined) requireOwn(work, node['whereClause'], 'its WHERE')
  if (node['sortClause'] !== undefined) work.notes.push('Its ORDER BY is left out: say that when you read.')
  for (const { table, isOuter, keys } of source.dimensions) {
    if (isOuter) continue
    work.notes.push(
      `Rows whose ${keys.join(', ')} leads to no row of ${table.name} are not in the view, and are counted by the rollup.`,
    )
  }
  const { schema, name } = source.table
  return {
    draft: {
      schema,
      table: name,
      time: work.bucket?.time,
      bucket: work.bucket?.span,
      zone: work.bucket?.zone,
      by: [...work.by],
      where: where === undefined ? undefined : withoutBrackets(withoutAlias(where, source.alias)),
      measures: work.measures,
    },
    notes: work.notes,
    obstacles,
  }
}

interface Work {
  readonly text: string
  readonly source: Source
  readonly obstacles: string[]
  readonly notes: string[]
  readonly by: Set<string>
  readonly measures: RollupDraft['measures'][number][]
  bucket: { readonly time: string; readonly span: string; readonly zone: string | undefined } | undefined
}

function readKey(work: Work, group: AstNode): void {
  const { source, by, obstacles, notes } = work
  const column = columnOf(group, source)
  if (column === undefined) {
    if (!readBucket(work, group))
      obstacles.push('it groups by an expression: add a generated column to the table, and group by that')
    return
  }
  if (column.own) {
    by.add(column.name)
    return
  }
  const dimension = source.dimensions.find(({ alias }) => alias === column.alias)
  if (dimension === undefined) {
    obstacles.push(`it groups by ${column.name}, of which it cannot be told whose it is`)
    return
  }
  for (const key of dimension.keys) by.add(key)
  const join = `.join({ ${dimension.table.name}: { table: '${dimension.table.name}', on: '${dimension.keys.join(', ')}', columns: ['${column.name}'] } })`
  notes.push(`${column.name} belongs to ${dimension.table.name} and is joined when you read: ${join}.`)
}

const spans = new Set(['minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'])

function readBucket(work: Work, node: AstNode): boolean {
  const call = node['FuncCall'] as AstNode | undefined
  if (call === undefined || nameOf(call) !== 'date_trunc') return false
  const [unit, time, zone] = listOf(call['args'])
  const column = time === undefined ? undefined : columnOf(time, work.source)
  const span = constantOf(unit)
  if (column?.own !== true || span === undefined || !spans.has(span)) return false
  if (work.bucket !== undefined) {
    work.obstacles.push('it groups by two times: a rollup has one bucket, and coarser ones when you read')
    return true
  }
  work.bucket = { time: column.name, span: `1 ${span}`, zone: constantOf(zone) }
  if (zone === undefined && work.source.table.columns[column.name] === 'timestamp with time zone') {
    work.notes.push(
      'Its buckets began in the time zone of whoever refreshed it; those of a rollup do in `zone`, which is UTC unless you say so.',
    )
  }
  return true
}

function readTarget(work: Work, target: AstNode): void {
  const value = target['val'] as AstNode
  const call = value['FuncCall'] as AstNode | undefined
  if (value['ColumnRef'] !== undefined || (call !== undefined && nameOf(call) === 'date_trunc')) return
  const name = typeof target['name'] === 'string' ? target['name'] : call === undefined ? 'column' : nameOf(call)
  if (call === undefined) {
    work.obstacles.push(
      `${name} is computed from aggregates or columns: declare what it is computed from, and compute it when you read`,
    )
    return
  }
  readMeasure(work, name, call)
}

function readMeasure(work: Work, name: string, call: AstNode): void {
  const { text, source, obstacles, measures } = work
  const called = nameOf(call)
  const isDistinct = call['agg_distinct'] === true
  const kind = isDistinct
    ? called === 'count'
      ? 'countDistinct'
      : undefined
    : measureKinds.find((known) => known === called)
  if (call['over'] !== undefined) {
    obstacles.push(`${name} is a window function`)
    return
  }
  if (kind === undefined) {
    const what = isDistinct ? `${called}(distinct …)` : `${called}(…)`
    obstacles.push(
      `${name} is ${what}, which no rollup keeps: ${measureKinds.join(', ')} and count(distinct …) can be kept`,
    )
    return
  }
  requireOwn(work, [call['args'], call['agg_filter']], name)
  const { inside, behind } = insideBrackets(sliceFrom(text, Number(call['location'] ?? 0)))
  const own = (piece: string): string => withoutBrackets(withoutAlias(piece.trim(), source.alias))
  const filter =
    call['agg_filter'] === undefined ? undefined : own(insideBrackets(behind).inside.replace(/^WHERE\s+/, ''))
  measures.push({
    name,
    kind,
    of: call['agg_star'] === true ? undefined : own(inside.replace(/^DISTINCT\s+/, '')),
    filter,
  })
}

/** Of the counted table alone, and the same for everybody at any time. */
function requireOwn({ source, obstacles }: Work, value: unknown, where: string): void {
  const seen = new Set<string>()
  const walk = (inner: unknown): void => {
    if (Array.isArray(inner)) for (const one of inner) walk(one)
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return
    const node = inner as AstNode
    const column = columnOf(node, source)
    if (column?.own === false) seen.add(`${where} uses ${column.name}, which is not a column of ${source.table.name}`)
    if (node['SubLink'] !== undefined) seen.add(`${where} has a subquery`)
    if (node['SQLValueFunction'] !== undefined) seen.add(`${where} depends on when it is computed, or by whom`)
    const call = node['FuncCall'] as AstNode | undefined
    if (call !== undefined && volatile.has(nameOf(call))) seen.add(`${where} depends on ${nameOf(call)}()`)
    for (const one of Object.values(node)) walk(one)
  }
  walk(value)
  obstacles.push(...seen)
}

/** The plan asks the server about all others. */
const volatile = new Set(['now', 'clock_timestamp', 'statement_timestamp', 'transaction_timestamp', 'random', 'age'])

interface Column {
  readonly name: string
  readonly alias: string | undefined
  readonly own: boolean
}

function columnOf(node: AstNode, { alias, dimensions }: Source): Column | undefined {
  const reference = node['ColumnRef'] as AstNode | undefined
  if (reference === undefined) return undefined
  const parts = listOf(reference['fields']).map(stringOf)
  const name = parts.at(-1) ?? '*'
  const of = parts.at(-2)
  return { name, alias: of, own: of === alias || (of === undefined && dimensions.length === 0) }
}

function constantOf(node: AstNode | undefined): string | undefined {
  const inner = (node?.['TypeCast'] as AstNode | undefined)?.['arg'] ?? node
  const constant = (inner as AstNode | undefined)?.['A_Const'] as AstNode | undefined
  const text = (constant?.['sval'] as AstNode | undefined)?.['sval']
  return typeof text === 'string' ? text : undefined
}

function nameOf(call: AstNode): string {
  return stringOf(listOf(call['funcname']).at(-1)) ?? ''
}
