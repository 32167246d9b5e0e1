// The two ways of writing encoded rows: one INSERT from arrays, and COPY. Both read each value from its text with the input
// function of its type, so that they store the same.
// Arrays go as text[], and are cast row by row: an array of arrays would come apart in unnest, and COPY reads texts, too.

import type { Sql } from '../../sql/sql.ts'
import { quoteIdent } from '../../sql/quote.ts'
import type { BulkColumn, BulkTable } from './bulk-table.ts'
import { quoteElement, type EncodedRow } from './encode.ts'

/** What to do with a row whose key is there already. */
export type OnConflict = 'nothing' | { readonly columns: readonly string[]; readonly update: readonly string[] }

export interface InsertShape {
  readonly table: BulkTable
  readonly columns: readonly BulkColumn[]
  readonly onConflict: OnConflict | undefined
  readonly returning: readonly string[] | undefined
}

export function insertStatement(shape: InsertShape, rows: readonly EncodedRow[]): Sql {
  const { table, columns } = shape
  const names = columns.map(({ name }) => quoteIdent(name)).join(', ')
  const casts = columns.map(({ castType }, index) => `v.c${index + 1}::${castType}`).join(', ')
  const arrays = columns.map((_, index) => `$${index + 1}::text[]`).join(', ')
  const aliases = columns.map((_, index) => `c${index + 1}`).join(', ')
  return {
    text: [
      `insert into ${table.name} (${names})`,
      `select ${casts}`,
      `from unnest(${arrays}) as v (${aliases})${conflictText(shape.onConflict)}${returningText(shape.returning)}`,
    ].join('\n'),
    values: columns.map((_, index) => arrayText(rows, index)),
  }
}

export function copyText({ table, columns }: Pick<InsertShape, 'table' | 'columns'>): string {
  return `copy ${table.name} (${columns.map(({ name }) => quoteIdent(name)).join(', ')}) from stdin`
}

/** One line of COPY's text format. */
export function copyLine(row: EncodedRow): string {
  let line = ''
  for (let index = 0; index < row.length; index++) {
    const text = row[index]
    if (index > 0) line += '\t'
    line += text === null || text === undefined ? String.raw`\N` : escapeCopy(text)
  }
  return `${line}\n`
}

const copyEscapes: Readonly<Record<string, string>> = {
  '\\': String.raw`\\`,
  '\n': String.raw`\n`,
  '\r': String.raw`\r`,
  '\t': String.raw`\t`,
}

function escapeCopy(text: string): string {
  return /[\\\n\r\t]/.test(text) ? text.replaceAll(/[\\\n\r\t]/g, (found) => copyEscapes[found] ?? found) : text
}

function arrayText(rows: readonly EncodedRow[], index: number): string {
  const items = rows.map((row) => {
    const text = row[index]
    return text === null || text === undefined ? 'NULL' : quoteElement(text)
  })
  return `{${items.join(',')}}`
}

function conflictText(onConflict: OnConflict | undefined): string {
  if (onConflict === undefined) return ''
  if (onConflict === 'nothing') return '\non conflict do nothing'
  const target = onConflict.columns.map((name) => quoteIdent(name)).join(', ')
  if (onConflict.update.length === 0) return `\non conflict (${target}) do nothing`
  const changes = onConflict.update.map((name) => `${quoteIdent(name)} = excluded.${quoteIdent(name)}`).join(', ')
  return `\non conflict (${target}) do update set ${changes}`
}

function returningText(returning: readonly string[] | undefined): string {
  return returning === undefined || returning.length === 0
    ? ''
    : `\nreturning ${returning.map((name) => quoteIdent(name)).join(', ')}`
}
