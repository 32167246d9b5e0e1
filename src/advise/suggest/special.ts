// Indexes that are no plain b-trees: GIN and GiST for what contains something, trigrams and pattern classes for LIKE, BRIN for large
// tables in the order of the column. Pure.

import type { ColumnFacts } from '../plan/tables.ts'
import { plainKey, type Candidate, type CandidateTools, type IndexMethod } from './candidate.ts'
import type { TableWants, Want } from './wants.ts'

/** The order on disk must follow the column this closely. */
const brinCorrelation = 0.9

export function specialCandidates(of: TableWants, wants: readonly Want[], tools: CandidateTools): readonly Candidate[] {
  return wants.flatMap((want) => {
    if (want.joins !== undefined) return []
    const { kind } = want.predicate
    if (kind === 'contains') return containing(of, want, tools)
    if (kind === 'pattern') return patterned(of, want, tools)
    return kind === 'range' ? ranged(of, want, tools) : []
  })
}

function make(
  of: TableWants,
  want: Want,
  { selectivities }: CandidateTools,
  how: { readonly method: IndexMethod; readonly operatorClass?: string },
): Candidate[] {
  return [
    {
      of,
      method: how.method,
      keys: [plainKey(want.key, false, how.operatorClass)],
      include: [],
      where: undefined,
      serves: [want],
      selectivity: selectivities.get(want) ?? 1,
      isOrdered: false,
      joins: undefined,
    },
  ]
}

const keyOperators: ReadonlySet<string> = new Set(['?', '?|', '?&'])

function containing(of: TableWants, want: Want, tools: CandidateTools): Candidate[] {
  const { operator } = want.predicate
  const { column, calls } = want.key
  if (operator === '@@' && (column?.type === 'tsvector' || calls[0] === 'to_tsvector')) {
    return make(of, want, tools, { method: 'gin' })
  }
  if (column?.type === 'jsonb') {
    if (keyOperators.has(operator)) return make(of, want, tools, { method: 'gin' })
    return operator === '@>' || operator === '@?' || operator === '@@'
      ? make(of, want, tools, { method: 'gin', operatorClass: 'jsonb_path_ops' })
      : []
  }
  if (column?.category === 'A') {
    return ['@>', '<@', '&&'].includes(operator) ? make(of, want, tools, { method: 'gin' }) : []
  }
  return column?.category === 'R' ? make(of, want, tools, { method: 'gist' }) : []
}

const patternClasses: Readonly<Record<string, string>> = {
  text: 'text_pattern_ops',
  varchar: 'varchar_pattern_ops',
  bpchar: 'bpchar_pattern_ops',
}

function patterned(of: TableWants, want: Want, tools: CandidateTools): Candidate[] {
  const { column, columns } = want.key
  const typed = column ?? of.table.columns.find(({ name }) => name === columns[0])
  if (typed === undefined || patternClasses[typed.type] === undefined) return []
  const { operator, right } = want.predicate
  const [value] = right
  const given =
    value?.kind === 'parameter'
      ? tools.params?.[value.number - 1]
      : value?.kind === 'constant'
        ? value.value
        : undefined
  if (typeof given !== 'string') return []
  if (operator === '~~' && /^[^%_\\]{2}/.test(given)) {
    return make(of, want, tools, { method: 'btree', ...classFor(typed, column === undefined) })
  }
  const hasTrigram = /[\p{L}\p{N}]{3}/u.test(given)
  if (!tools.hasTrigrams || !hasTrigram) return []
  return make(of, want, tools, { method: 'gin', operatorClass: 'gin_trgm_ops' })
}

/** Of an expression the collation is the default, whatever the column's is. */
function classFor(column: ColumnFacts, isExpression: boolean): { readonly operatorClass?: string } {
  if (column.isBytewise && !isExpression) return {}
  return { operatorClass: isExpression ? 'text_pattern_ops' : (patternClasses[column.type] ?? 'text_pattern_ops') }
}

function ranged(of: TableWants, want: Want, tools: CandidateTools): Candidate[] {
  const { column } = want.key
  if (of.table.sizeBytes < tools.brinFromBytes || Math.abs(column?.stats?.correlation ?? 0) < brinCorrelation) return []
  return make(of, want, tools, { method: 'brin' })
}
