// Whether a table can be laid out as declared, and whether it is: what stands in the way, with what would do. Pure.

import type { ErrorCode } from '../base/error-table.ts'
import type { Held } from '../plan/index.ts'
import { quoteQualified } from '../sql/quote.ts'
import type { Grain, Layout, PartitionedTable } from './options.ts'
import type { ColumnState, PartitionState, TableState } from './queries.ts'
import { buildingName, indexName, indexesOf, leafName } from './template.ts'

export interface Obstacle extends Held {
  readonly code: ErrorCode
}

const timeTypes: ReadonlySet<string> = new Set(['timestamptz', 'timestamp', 'date', 'uuid'])
const idTypes: ReadonlySet<string> = new Set(['int2', 'int4', 'int8', 'numeric'])
/** Without an operator class for hashing. */
const unhashable: ReadonlySet<string> = new Set([
  'json',
  'xml',
  'point',
  'line',
  'lseg',
  'box',
  'path',
  'polygon',
  'circle',
])

export function describeTable({ schema, table }: { readonly schema: string; readonly table: string }): string {
  return `table ${schema}.${table}`
}

/** What keeps a table, partitioned or not, from being laid out as declared. */
export function findObstacle(declared: PartitionedTable, state: TableState | undefined): Obstacle | undefined {
  const what = describeTable(declared)
  if (state === undefined) {
    return {
      code: 'TABLE_UNKNOWN',
      what,
      why: 'there is no such table',
      todo: 'create it in a migration, then run `pgstrata apply`',
    }
  }
  const impossible = (why: string, todo: string): Obstacle => ({ code: 'LAYOUT_IMPOSSIBLE', what, why, todo })
  if (state.kind !== 'table' && state.kind !== 'partitioned') {
    return impossible(`it is a ${state.kind}`, 'declare a table')
  }
  if (state.relatives !== 'none') {
    const why =
      state.relatives === 'partition' ? 'it is a partition of another table' : 'it is part of an inheritance tree'
    return impossible(why, 'declare a table that stands for itself')
  }
  return (
    findColumnObstacle(declared, state, impossible) ??
    findNameObstacle(declared, impossible) ??
    (state.kind === 'partitioned' ? findDifference(declared, state) : findKeyObstacle(declared, state, impossible))
  )
}

type Impossible = (why: string, todo: string) => Obstacle

function findColumnObstacle(
  declared: PartitionedTable,
  { columns }: TableState,
  impossible: Impossible,
): Obstacle | undefined {
  const { layout } = declared
  const split = layout.kind === 'hash' ? undefined : layout.split
  const parts = [
    { name: layout.column, role: layout.kind },
    ...(split === undefined ? [] : [{ name: split.column, role: 'hash' as const }]),
  ]
  for (const { name, role } of parts) {
    const column = columns.find((one) => one.name === name)
    if (column === undefined) {
      const there = columns.map((one) => one.name).join(', ')
      return impossible(`it has no column "${name}"`, `name one of its columns: ${there}`)
    }
    const wrong = findTypeObstacle(declared, column, role)
    if (wrong !== undefined) return impossible(wrong, 'choose another column, or change its type in a migration')
    if (column.generated !== 'no') {
      return impossible(
        `column "${name}" is generated, and PostgreSQL partitions by no generated column`,
        'choose a column that is written, such as the one it is generated from',
      )
    }
    if (role !== 'hash' && !column.notNull) {
      const add = `alter table ${quoteQualified(declared.schema, declared.table)} alter column "${name}" set not null`
      return impossible(
        `column "${name}" may be null, and a row without it belongs to no period`,
        `fill the nulls in, then in a migration: ${add}`,
      )
    }
  }
  const unknown = Object.keys(declared.statistics).find((name) => !columns.some((column) => column.name === name))
  if (unknown !== undefined) {
    return impossible(`it has no column "${unknown}", whose statistics target is declared`, 'name one of its columns')
  }
  return undefined
}

function findTypeObstacle({ layout }: PartitionedTable, column: ColumnState, role: Layout['kind']): string | undefined {
  const { name, type, shown } = column
  const wrong = (expected: string): string => `column "${name}" is of type ${shown}; expected ${expected}`
  if (role === 'time' && !timeTypes.has(type)) return wrong('timestamptz, timestamp, date or uuid (version 7)')
  if (role === 'time' && type === 'date' && layout.kind === 'time' && layout.grain === 'hour') {
    return wrong('timestamptz, timestamp or uuid for partitions by the hour')
  }
  if (role === 'id' && !idTypes.has(type)) return wrong('smallint, integer, bigint or numeric')
  if (role === 'hash' && unhashable.has(type)) return wrong('a type that PostgreSQL can hash')
  return undefined
}

const longestPeriod: Readonly<Record<Grain, string>> = {
  hour: '2026_01_31_07_from_2026_01_31_073000',
  day: '2026_01_31_from_2026_01_31_000000',
  week: '2026_w05_from_2026_01_31_000000',
  month: '2026_01_from_2026_01_31_000000',
  quarter: '2026_q1_from_2026_01_31_000000',
  year: '2026_from_2026_01_31_000000',
}

/** Postgres would cut a longer name short, and two partitions would have one name. */
function findNameObstacle(declared: PartitionedTable, impossible: Impossible): Obstacle | undefined {
  const { layout, names, table } = declared
  const period =
    layout.kind === 'time'
      ? longestPeriod[layout.grain]
      : layout.kind === 'id'
        ? '9'.repeat(19)
        : leafSuffix(layout.into)
  const partition = names.replaceAll('{table}', table).replaceAll('{period}', period)
  const split = layout.kind === 'hash' ? undefined : layout.split
  const leaf = split === undefined ? partition : leafName(partition, split.into - 1)
  const hasDefault = declared.outside === 'default' && layout.kind !== 'hash'
  const fallback = `${table}_default`
  if (hasDefault && Buffer.byteLength(fallback) > 63) {
    return impossible(
      `its default partition "${fallback}" would have a name of more than the 63 bytes that PostgreSQL keeps`,
      "declare outside: 'refuse', or give the table a shorter name",
    )
  }
  const longest = [leaf, ...indexesOf(declared, declared.brin).map((index) => buildingName(indexName(leaf, index)))]
    .map((name) => ({ name, sizeBytes: Buffer.byteLength(name) }))
    .reduce((left, right) => (left.sizeBytes >= right.sizeBytes ? left : right))
  if (longest.sizeBytes <= 63) return undefined
  return impossible(
    `names such as "${longest.name}" have ${longest.sizeBytes} bytes, and PostgreSQL keeps 63`,
    "declare shorter `names`, such as 'short_{period}', or shorter names of its indexes",
  )
}

const leafSuffix = (into: number): string => `part_${into - 1}`

function findKeyObstacle(
  declared: PartitionedTable,
  { uniqueKeys }: TableState,
  impossible: Impossible,
): Obstacle | undefined {
  if (declared.accept.includes('wider-keys')) return undefined
  const needed = keyColumns(declared)
  const narrow = uniqueKeys.find(({ columns }) => columns !== null && needed.some((name) => !columns.includes(name)))
  if (narrow === undefined) return undefined
  const { name, primary, columns } = narrow
  const lacks = needed.filter((column) => columns?.includes(column) !== true).map((column) => `"${column}"`)
  return impossible(
    `${primary ? 'its primary key' : 'unique index'} "${name}" does not have ${lacks.join(' and ')}, and PostgreSQL keeps keys unique within a partition only`,
    `let the key have it too, in a migration, or declare accept: ['wider-keys'] and it is added to the key: (${(columns ?? []).join(', ')}) alone is then no longer unique, and \`on conflict\` has to name all of it`,
  )
}

function keyColumns({ layout }: PartitionedTable): readonly string[] {
  const split = layout.kind === 'hash' ? undefined : layout.split
  return [...new Set([layout.column, ...(split === undefined ? [] : [split.column])])]
}

/** A partitioned table whose key is another one. That its grain is another is no difference: it goes on from here. */
function findDifference(declared: PartitionedTable, { key, uniqueKeys }: TableState): Obstacle | undefined {
  const { layout } = declared
  const wanted = `${layout.kind === 'hash' ? 'hash' : 'range'} ("${layout.column}")`
  const there =
    key === null
      ? 'nothing'
      : `${key.strategy} (${key.columns.map((name) => (name === null ? '…' : `"${name}"`)).join(', ')})`
  if (wanted !== there) {
    const isDeclarable = key?.strategy !== 'list' && key?.columns.length === 1 && key.columns[0] !== null
    const difference = differs(declared, `partitioned by ${wanted}`, `by ${there}`)
    const todo =
      'take it out of the configuration: tables are kept that are partitioned by one column, by range or hash'
    return isDeclarable ? difference : { ...difference, todo }
  }
  const split = layout.kind === 'hash' ? undefined : layout.split
  const narrow =
    split === undefined ? undefined : uniqueKeys.find(({ columns }) => columns?.includes(split.column) !== true)
  if (narrow === undefined || split === undefined) return undefined
  return {
    code: 'LAYOUT_IMPOSSIBLE',
    what: describeTable(declared),
    why: `its unique index "${narrow.name}" does not have "${split.column}", by which partitions are to be divided`,
    todo: 'let the key have it too, in a migration, or declare no hash',
  }
}

export function findHashDifference(
  declared: PartitionedTable,
  partitions: readonly PartitionState[],
): Obstacle | undefined {
  const { layout } = declared
  if (layout.kind !== 'hash') return undefined
  const moduli = [...new Set(partitions.map(({ bound }) => hashPlace(bound)?.modulus))]
  if (moduli.every((modulus) => modulus === layout.into)) return undefined
  return differs(
    declared,
    `${layout.into} partitions by hash`,
    `a modulus of ${moduli.map((one) => one ?? '?').join(', ')}`,
  )
}

export function hashPlace(bound: string): { readonly modulus: number; readonly remainder: number } | undefined {
  const match = /^FOR VALUES WITH \(modulus (\d+), remainder (\d+)\)$/i.exec(bound)
  return match === null ? undefined : { modulus: Number(match[1]), remainder: Number(match[2]) }
}

function differs(declared: PartitionedTable, wanted: string, there: string): Obstacle {
  return {
    code: 'LAYOUT_DIFFERS',
    what: describeTable(declared),
    why: `declared: ${wanted}; it is partitioned ${there}`,
    todo: 'declare it as it is, or move its rows into a table that is laid out as declared',
  }
}
