// Archives as a person reads them in a terminal: what there is, what is wrong with it, and answers of queries. Pure.

import { formatSize, plural } from '../base/units.ts'
import type { ArchiveRecord, CheckReport, MovedPartition, StoredArchive } from '../tiers/index.ts'
import { paint, type CliContext, type Style } from './context.ts'
import { formatTable } from './output.ts'

const styles: Readonly<Partial<Record<ArchiveRecord['state'], Style>>> = {
  verified: 'green',
  'only copy': 'cyan',
  lost: 'red',
}

export function listLines(context: CliContext, store: string, archives: readonly ArchiveRecord[]): readonly string[] {
  if (archives.length === 0) {
    return [`Nothing is archived yet, in ${store}. Declare \`cold\` for a table (docs/archive.md).`]
  }
  const rows = archives.map((one) => [
    String(one.id),
    `${one.schema}.${one.partition}`,
    one.content === null ? '' : plural(Number(one.content.rows), 'row'),
    one.bytes === null ? '' : formatSize(one.bytes),
    one.archivedAt === null ? '' : `archived ${day(one.archivedAt)}`,
    one.lastCheckedAt === null ? 'never read back' : `read back ${day(one.lastCheckedAt)}`,
    // Last: what is coloured is not as wide as it is long.
    paint(context, styles[one.state] ?? 'dim', one.state) + (one.store === store ? '' : ` (${one.store})`),
  ])
  const faults = archives.flatMap(({ schema, partition, checkFailure }) =>
    checkFailure === null ? [] : [`${paint(context, 'red', '!')} ${schema}.${partition}: ${checkFailure}`],
  )
  return [store, ...formatTable(rows).map((line) => `  ${line}`), ...(faults.length === 0 ? [] : ['', ...faults])]
}

export function storedLines(context: CliContext, store: string, archives: readonly StoredArchive[]): readonly string[] {
  if (archives.length === 0) return [`There is no archive in ${store}.`]
  const rows = archives.flatMap(({ key, manifest }) => (manifest === undefined ? [] : [storedCells(key, manifest)]))
  const failures = archives.flatMap(({ failure }) =>
    failure === undefined ? [] : [`${paint(context, 'red', '!')} ${failure}`],
  )
  return [...formatTable(rows), ...(failures.length === 0 ? [] : ['', ...failures])]
}

function storedCells(
  key: string,
  { table, partition, content, archivedAt }: NonNullable<StoredArchive['manifest']>,
): readonly string[] {
  return [
    `${table.schema}.${table.table}`,
    partition,
    plural(Number(content.rows), 'row'),
    `archived ${day(archivedAt)}`,
    key,
  ]
}

const day = (moment: string): string => moment.slice(0, 10)

export function checkLines(context: CliContext, { archives, files, bytes, faults }: CheckReport): readonly string[] {
  const read = `${plural(archives, 'archive')} read back: ${plural(files, 'file')}, ${formatSize(bytes)}.`
  if (faults.length === 0) return [paint(context, 'green', `${read} All of it is what was written.`)]
  return [
    read,
    ...faults.map(({ partition, reason }) => `${paint(context, 'red', '!')} ${partition}: ${reason}`),
    `  ${paint(context, 'cyan', '→')} Bring the objects back from a copy or an older version of the store, then verify again.`,
  ]
}

export function movedLine(context: CliContext, { name, state, rows }: MovedPartition): string {
  const count = rows === null ? '' : `, ${plural(rows, 'row')}`
  return paint(
    context,
    'green',
    `${name} is in its table again (${state}${count}). It stays there until somebody moves it.`,
  )
}

export function tableRows(columns: readonly string[], rows: readonly (readonly unknown[])[]): readonly string[] {
  const lines = formatTable([columns, ...rows.map((row) => row.map(textOf))])
  return [...lines, `(${plural(rows.length, 'row')})`]
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(value)
}

export function csvLine(values: readonly unknown[]): string {
  const cells = values.map((value) => {
    const text = textOf(value)
    // Nothing is no empty text.
    if (text === '') return value === null ? '' : '""'
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  })
  return `${cells.join(',')}\n`
}
