// SQL is a value: a frozen { text, values }. In sql`…` an interpolated value is a parameter; the exceptions have names:
// sql.ident (a quoted name), sql.literal (a quoted string, where a parameter is not allowed), sql.raw (text as it is),
// and another Sql, which is spliced in with its parameters renumbered.

import { quoteLiteral, quoteQualified } from './quote.ts'

export interface Sql {
  readonly text: string
  readonly values: readonly unknown[]
}

/**
 * Text between parameters (one chunk more than there are values), so that a fragment can be spliced. Under a registered
 * symbol: two copies of this module (one native, one through a TypeScript loader) must know each other's fragments,
 * and nothing that was parsed from JSON can carry it.
 */
const chunksKey: unique symbol = Symbol.for('pgstrata.sql.chunks') as never

function build(chunks: readonly string[], values: readonly unknown[]): Sql {
  const text = chunks.map((chunk, index) => (index === 0 ? chunk : `$${index}${chunk}`)).join('')
  const value = { text, values: Object.freeze([...values]) }
  Object.defineProperty(value, chunksKey, { value: Object.freeze(chunks), enumerable: false })
  return Object.freeze(value)
}

function tag(strings: TemplateStringsArray, ...parts: readonly unknown[]): Sql {
  const chunks: string[] = [strings[0] ?? '']
  const values: unknown[] = []
  parts.forEach((part, index) => {
    const following = strings[index + 1] ?? ''
    const spliced = chunksOf(part)
    if (spliced === undefined) {
      values.push(part)
      chunks.push(following)
      return
    }
    chunks[chunks.length - 1] += spliced[0] ?? ''
    chunks.push(...spliced.slice(1))
    values.push(...(part as Sql).values)
    chunks[chunks.length - 1] += following
  })
  return build(chunks, values)
}

function chunksOf(value: unknown): readonly string[] | undefined {
  return typeof value === 'object' && value !== null
    ? (value as { [chunksKey]?: readonly string[] })[chunksKey]
    : undefined
}

export function isSql(value: unknown): value is Sql {
  return chunksOf(value) !== undefined
}

function join(fragments: readonly Sql[], separator = ', '): Sql {
  return fragments.reduce(
    (left, right, index) => (index === 0 ? right : tag`${left}${raw(separator)}${right}`),
    build([''], []),
  )
}

function raw(text: string): Sql {
  return build([text], [])
}

export interface SqlTag {
  (strings: TemplateStringsArray, ...parts: readonly unknown[]): Sql
  /** sql.ident('public', 'plays') → "public"."plays" */
  ident(...parts: readonly string[]): Sql
  /** A quoted string, for the places of SQL that take no parameter (DDL, SET). */
  literal(value: string): Sql
  /** Text as it stands. Never for anything that came from outside. */
  raw(text: string): Sql
  join(fragments: readonly Sql[], separator?: string): Sql
}

export const sql: SqlTag = Object.assign(tag, {
  ident: (...parts: readonly string[]): Sql => raw(quoteQualified(...parts)),
  literal: (value: string): Sql => raw(quoteLiteral(value)),
  raw,
  join,
})
