// A judged candidate as a suggestion: the statement to run, and why, in words. Pure.

import { quoteQualified } from '../../sql/quote.ts'
import { estimateSizeBytes, nameIndex, printIndexBody, type Candidate } from './candidate.ts'
import type { Judged } from './judge-statistics.ts'
import { makeSuggestion, type IndexSuggestion } from './suggestion.ts'
import { quoteIdent } from '../../sql/quote.ts'

const partitionedLocks =
  'The table is partitioned: made like that it locks out writers of every partition until the last one is done. Declared under `indexes` of the table, `pgstrata apply` makes it partition by partition, CONCURRENTLY; docs/zero-downtime.md has it by hand.'

/** So many columns that are missing may be taken along, */
const mostIncluded = 2
/** if the table is mostly visible to all, and so many rows are found that it pays. */
const visibleFraction = 0.8
const rowsFound = 100
const includedWidthBytes = 64

export function toSuggestion({
  candidate: bare,
  costBefore,
  costAfter,
  confidence,
  sizeBytes,
}: Judged): IndexSuggestion {
  const candidate = { ...bare, include: includable(bare) }
  const { table } = candidate.of
  const name = nameIndex(candidate)
  const how = table.isPartitioned ? '' : 'concurrently '
  return makeSuggestion({
    ddl: `create index ${how}${quoteIdent(name)} on ${printIndexBody(candidate)}`,
    undo: `drop index ${how}${quoteQualified(table.schema, name)}`,
    table: `${table.schema}.${table.name}`,
    name,
    method: candidate.method,
    columns: candidate.keys.map(({ key }) => key.column?.name ?? key.text),
    include: candidate.include,
    where: candidate.where,
    why: explain(candidate),
    confidence,
    costBefore,
    costAfter,
    saves: Math.max(0, 1 - costAfter / costBefore),
    sizeBytes: candidate.include.length === 0 && sizeBytes !== undefined ? sizeBytes : estimateSizeBytes(candidate),
    locks: table.isPartitioned ? partitionedLocks : undefined,
    notes: notesOf(candidate),
  })
}

/** Columns with which the table need not be asked at all. */
function includable({ of, method, keys, selectivity, isOrdered }: Candidate): readonly string[] {
  const { table, columns, changes } = of
  if (method !== 'btree' || columns === undefined || changes || table.visibleFraction < visibleFraction) return []
  if (isOrdered || (table.rows ?? 0) * selectivity < rowsFound || keys.some(({ key }) => key.column === undefined))
    return []
  const keyed = new Set(keys.flatMap(({ key }) => key.columns))
  const missing = [...columns].filter((name) => !keyed.has(name))
  const widthOf = (name: string): number =>
    table.columns.find((column) => column.name === name)?.stats?.widthBytes ?? Infinity
  const isNarrow = missing.reduce((sum, name) => sum + widthOf(name), 0) <= includedWidthBytes
  return missing.length <= mostIncluded && isNarrow ? missing : []
}

function explain({ of: { table }, keys, where, selectivity, isOrdered, joins, include, serves }: Candidate): string {
  const rows = table.rows
  const found = rows === undefined ? 'its rows' : `${count(Math.max(1, rows * selectivity))} of ${count(rows)} rows`
  const served = new Set(serves.flatMap(({ key }) => key.text))
  const by = keys.filter(({ key }) => served.has(key.text)).map(({ key }) => key.text)
  const order = keys.filter(({ key }) => !served.has(key.text)).map(({ key }) => key.text)
  return [
    by.length === 0 ? 'Gives the rows' : `Finds ${found} by ${by.join(', ')}`,
    joins === undefined ? '' : ` for each row of ${joins}`,
    isOrdered && order.length > 0
      ? `${by.length === 0 ? '' : ','} in the order of ${order.join(', ')}, so that nothing is sorted and the scan stops when there are enough`
      : '',
    where === undefined ? '' : `; holds only rows with ${where}`,
    include.length === 0 ? '' : `; has all columns that are asked for`,
    '.',
  ].join('')
}

function notesOf({ of: { table }, method, keys, where }: Candidate): readonly string[] {
  return [
    ...(table.isPartitioned ? [partitionedLocks] : []),
    ...(keys.some(({ operatorClass }) => operatorClass?.endsWith('pattern_ops') === true)
      ? ['It serves LIKE where the pattern is known when the plan is made: written out, or in a plan for given values.']
      : []),
    ...(method === 'gin' ? ['GIN indexes make writes noticeably dearer.'] : []),
    ...(where === undefined ? [] : ['A statement uses it only where it has the same condition, as a constant.']),
  ]
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
