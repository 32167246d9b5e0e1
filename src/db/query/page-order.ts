// The order of a page as text and as SQL: 'created_at desc', 'id desc'.
// Promises: conditions compare with values of unknown type, so that the server reads each as the type of its column, exactly;
// names are quoted. With keys of one direction that hold no nulls it is one comparison of rows, which an index serves.

import { StrataError } from '../../base/errors.ts'
import { quoteIdent } from '../../sql/quote.ts'
import type { KeyTexts } from './cursor.ts'

export interface PageKey {
  readonly column: string
  readonly descending: boolean
  /** Where rows without a value stand; undefined: there are none. */
  readonly nulls: 'first' | 'last' | undefined
}

const keyPattern = /^\s*("(?:[^"]|"")+"|[A-Za-z_][\w$]*)(?:\s+(asc|desc))?(?:\s+nulls\s+(first|last))?\s*$/i
const mostKeys = 16

export function parseOrder(by: readonly string[]): readonly PageKey[] {
  if (by.length === 0 || by.length > mostKeys) {
    throw new StrataError('VALUE_INVALID', {
      message: 'by',
      expected: `1 to ${mostKeys} columns`,
      got: String(by.length),
    })
  }
  const keys = by.map((text): PageKey => {
    const [, name, direction, nulls] = keyPattern.exec(text) ?? []
    if (name === undefined) {
      throw new StrataError('VALUE_INVALID', {
        message: 'by',
        expected: "a column of the statement, such as 'created_at desc' or 'score asc nulls last'",
        got: JSON.stringify(text),
      })
    }
    return {
      column: name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase(),
      descending: direction?.toLowerCase() === 'desc',
      nulls: nulls?.toLowerCase() as PageKey['nulls'],
    }
  })
  const names = new Set(keys.map(({ column }) => column))
  if (names.size < keys.length) throw new StrataError('VALUE_INVALID', { message: 'by names a column twice' })
  return keys
}

export function orderId(keys: readonly PageKey[]): string {
  return JSON.stringify(keys.map(({ column, descending, nulls }) => [column, descending, nulls ?? null]))
}

/** The same order from the other end. */
export function reverseOrder(keys: readonly PageKey[]): readonly PageKey[] {
  return keys.map(({ column, descending, nulls }) => ({
    column,
    descending: !descending,
    nulls: nulls === undefined ? undefined : nulls === 'first' ? 'last' : 'first',
  }))
}

export function orderText(keys: readonly PageKey[]): string {
  return keys
    .map(({ column, descending, nulls }) => {
      const place = nulls === undefined ? '' : ` nulls ${nulls}`
      return `p.${quoteIdent(column)}${descending ? ' desc' : ''}${place}`
    })
    .join(', ')
}

export interface Condition {
  readonly text: string
  readonly values: readonly string[]
}

/** What stands behind a row with these keys. The first parameter is `$first`. */
export function conditionBehind(keys: readonly PageKey[], at: KeyTexts, first: number): Condition {
  const values: string[] = []
  const parts = keys.map((key, index) => {
    const value = at[index] ?? null
    if (value !== null) values.push(value)
    return {
      key,
      name: `p.${quoteIdent(key.column)}`,
      parameter: value === null ? undefined : `$${first + values.length - 1}`,
    }
  })
  const [lead] = parts
  const isUniform = keys.every(({ descending, nulls }) => nulls === undefined && descending === lead?.key.descending)
  if (isUniform && values.length === keys.length) {
    const names = parts.map(({ name }) => name).join(', ')
    const parameters = parts.map(({ parameter }) => parameter).join(', ')
    return { text: `(${names}) ${lead?.key.descending === true ? '<' : '>'} (${parameters})`, values }
  }
  const steps = parts.flatMap((part, index) => {
    const behind = behindOne(part)
    if (behind === undefined) return []
    const equal = parts
      .slice(0, index)
      .map(({ name, parameter }) => (parameter === undefined ? `${name} is null` : `${name} = ${parameter}`))
    return [`(${[...equal, behind].join(' and ')})`]
  })
  const any = steps.length === 0 ? 'false' : `(${steps.join(' or ')})`
  return { text: bounded(any, lead), values }
}

interface Part {
  readonly key: PageKey
  readonly name: string
  readonly parameter: string | undefined
}

function behindOne({ key, name, parameter }: Part): string | undefined {
  if (parameter === undefined) return key.nulls === 'first' ? `${name} is not null` : undefined
  const beyond = `${name} ${key.descending ? '<' : '>'} ${parameter}`
  return key.nulls === 'last' ? `(${beyond} or ${name} is null)` : beyond
}

/** Implied by the rest; an index on the first key can use it. */
function bounded(any: string, lead: Part | undefined): string {
  if (lead?.parameter === undefined || lead.key.nulls === 'last') return any
  return `${lead.name} ${lead.key.descending ? '<=' : '>='} ${lead.parameter} and ${any}`
}
