// Tables, foreign tables, partitions and sequences.
//
// A partition is made as a table of its own and then attached, so that its own order of columns survives. A child by
// inheritance is made with INHERITS where that gives its order of columns; else see inheritance.ts. Constraints, indexes
// and triggers come later, when all tables hang together.

import { compareText, addressOf, type Draft } from './object.ts'
import { renderAttributes } from './attributes.ts'
import { renderColumnSettings } from './columns.ts'
import { renderColumnList, renderInheritance, shapeOf, type Shape } from './inheritance.ts'
import { definition, type Reading } from './reading.ts'
import type { RelationRow, Relations } from './relations.ts'
import { renderOwnedSequence, renderSequence } from './sequences.ts'
import { isHarmlessOption, renderForeignOptions, renderOptions, tablespaceDraft } from './storage.ts'

export function renderTables(reading: Reading, relations: Relations): Draft[] {
  const drafts = relations.rows
    .filter((row) => row.relkind === 'r' || row.relkind === 'p' || row.relkind === 'f')
    .flatMap((row) => renderTable(reading, relations, row))
  return [...drafts, ...relations.sequences.map((row) => renderSequence(reading, row))]
}

function renderTable(reading: Reading, relations: Relations, row: RelationRow): Draft[] {
  const shape = shapeOf(relations, row)
  const inheritance = renderInheritance(shape)
  const kind = row.relkind === 'f' ? 'foreign-table' : 'table'
  const noun = row.relkind === 'f' ? 'foreign table' : 'table'
  const identity = `${kind} ${row.name}`
  const columns = shape.columns.map((column) =>
    renderColumnSettings(column, { reading, table: row.name, owner: row.owner, inherited: shape.inherited }),
  )
  const sequences = relations
    .sequencesOf(row.oid)
    .toSorted((left, right) => compareText(left.name, right.name))
    .map((sequence) => renderOwnedSequence(reading, sequence, row))
  const attributes = renderAttributes(reading, { noun, name: row.name, grantNoun: 'table' }, row)
  const parts = [attributes, ...columns, ...sequences]
  const table: Draft = {
    kind,
    identity,
    statements: [
      ...inheritance.before,
      createTable(shape, inheritance.inherits),
      ...inheritance.after,
      ...tableSettings(row),
      ...parts.flatMap((part) => part.statements),
    ],
    roles: parts.flatMap((part) => part.roles),
    after: relations.sequencesOf(row.oid).map((sequence) => `sequence ${sequence.name}`),
    addresses: [
      addressOf('pg_class', row.oid),
      ...relations
        .sequencesOf(row.oid)
        .filter((one) => one.isIdentity)
        .map((one) => addressOf('pg_class', one.oid)),
    ],
  }
  return [table, ...renderParts(relations, shape, identity)]
}

function createTable(shape: Shape, inherits: readonly string[]): string {
  const { row } = shape
  const words = row.relkind === 'f' ? 'foreign table' : row.persistence === 'u' ? 'unlogged table' : 'table'
  const clauses = [
    ...(inherits.length === 0 ? [] : [`inherits (${inherits.join(', ')})`]),
    ...(row.partitionKey === null ? [] : [`partition by ${row.partitionKey}`]),
    ...(row.server === null
      ? []
      : [`server ${row.server}${renderForeignOptions(row.foreignOptions, isHarmlessOption)}`]),
    ...(row.accessMethod === null ? [] : [`using ${row.accessMethod}`]),
    ...(row.options.length === 0 ? [] : [`with (${renderOptions(row.options)})`]),
  ]
  return [`create ${words} ${row.name}${renderColumnList(shape)}`, ...clauses].join('\n') + ';'
}

function tableSettings(row: RelationRow): string[] {
  const alter = `alter table only ${row.name}`
  return [
    ...(row.replicaIdentity === 'f' ? [`${alter} replica identity full;`] : []),
    ...(row.replicaIdentity === 'n' && row.relkind !== 'f' ? [`${alter} replica identity nothing;`] : []),
    ...(row.rowSecurity ? [`${alter} enable row level security;`] : []),
    ...(row.forceRowSecurity ? [`${alter} force row level security;`] : []),
  ]
}

/** What a table says in objects of its own: late defaults, its place in a partitioned table, its tablespace. */
function renderParts(relations: Relations, shape: Shape, identity: string): Draft[] {
  const { row } = shape
  const late = shape.columns.filter((column) => column.circular && column.expression !== null)
  const drafts: Draft[] = late.map((column) => ({
    kind: 'default',
    identity: `default ${column.name} on ${row.name}`,
    parent: identity,
    statements: [`alter table only ${row.name} alter column ${column.name} set default ${column.expression ?? ''};`],
    addresses: [addressOf('pg_attrdef', column.defaultOid ?? 0)],
  }))
  const [parent] = relations.parentsOf(row.oid)
  if (row.isPartition && parent !== undefined) {
    const bound = definition(row.bound, `The bound of ${row.name}`)
    drafts.push({
      kind: 'partition',
      identity: `partition ${row.name}`,
      parent: identity,
      statements: [
        ...(parent.detachPending ? ['-- DETACH PENDING: a concurrent detach was not finished'] : []),
        `alter table only ${parent.parentName} attach partition ${row.name} ${bound};`,
      ],
      after: [`table ${parent.parentName}`],
      addresses: [],
    })
  }
  if (row.tablespace !== null) drafts.push(tablespaceDraft('table', identity, row.name, row.tablespace))
  return drafts
}
