// Views and materialized views. A materialized view is made empty; where it holds data, filling it is an object of
// its own, which comes after everything that its query may call.

import { addressOf, type Draft } from './object.ts'
import { renderAttributes } from './attributes.ts'
import { renderColumnSettings, type ColumnRow } from './columns.ts'
import { definition, type Reading } from './reading.ts'
import type { RelationRow, Relations } from './relations.ts'
import { renderOptions, tablespaceDraft } from './storage.ts'

export function renderViews(reading: Reading, relations: Relations): Draft[] {
  return relations.rows
    .filter((row) => row.relkind === 'v' || row.relkind === 'm')
    .flatMap((row) => renderView(reading, row, relations.columnsOf(row.oid)))
}

function renderView(reading: Reading, row: RelationRow, columns: readonly ColumnRow[]): Draft[] {
  const materialized = row.relkind === 'm'
  const noun = materialized ? 'materialized view' : 'view'
  const identity = `${materialized ? 'materialized-view' : 'view'} ${row.name}`
  const attributes = renderAttributes(reading, { noun, name: row.name, grantNoun: 'table' }, row)
  const settings = columns.map((column) =>
    renderColumnSettings(
      // A view stores nothing; only a materialized view can be told how to.
      materialized ? column : { ...column, storage: column.typeStorage, compression: '' },
      { reading, table: row.name, owner: row.owner, inherited: () => [] },
    ),
  )
  const parts = [attributes, ...settings]
  const view: Draft = {
    kind: materialized ? 'materialized-view' : 'view',
    identity,
    statements: [createView(row, noun), ...defaults(row, columns), ...parts.flatMap((part) => part.statements)],
    roles: parts.flatMap((part) => part.roles),
    addresses: [addressOf('pg_class', row.oid)],
  }
  return [view, ...renderParts(row, identity)]
}

function createView(row: RelationRow, noun: string): string {
  const query = definition(row.viewDefinition, `The view ${row.name}`).trimEnd().replace(/;$/, '')
  const using = row.accessMethod === null ? '' : ` using ${row.accessMethod}`
  const options = row.options.length === 0 ? '' : ` with (${renderOptions(row.options)})`
  return `create ${noun} ${row.name}${using}${options} as\n${query}${noun === 'view' ? '' : '\nwith no data'};`
}

function defaults(row: RelationRow, columns: readonly ColumnRow[]): string[] {
  return columns
    .filter((column) => column.expression !== null)
    .map((column) => `alter view ${row.name} alter column ${column.name} set default ${column.expression ?? ''};`)
}

function renderParts(row: RelationRow, identity: string): Draft[] {
  if (row.relkind !== 'm') return []
  const drafts: Draft[] = []
  if (row.tablespace !== null) drafts.push(tablespaceDraft('materialized view', identity, row.name, row.tablespace))
  if (row.populated) {
    drafts.push({
      kind: 'refresh',
      identity: `refresh ${row.name}`,
      parent: identity,
      statements: [`refresh materialized view ${row.name};`],
      addresses: [],
    })
  }
  return drafts
}
