// Types in one spelling, whether from the AST or from format_type(), and whether a change from one to another rewrites.

import type { AstNode } from '../../sql/parse.ts'
import { child, list, members, strings } from './ast.ts'

export interface SqlType {
  /** Internal name: 'int4', 'varchar', 'timestamptz'. */
  readonly name: string
  /** (50), (10, 2) */
  readonly modifiers: readonly number[]
  readonly array: boolean
}

const aliases: Readonly<Record<string, string>> = {
  integer: 'int4',
  int: 'int4',
  bigint: 'int8',
  smallint: 'int2',
  'character varying': 'varchar',
  character: 'bpchar',
  char: 'bpchar',
  decimal: 'numeric',
  'timestamp without time zone': 'timestamp',
  'timestamp with time zone': 'timestamptz',
  'time without time zone': 'time',
  'time with time zone': 'timetz',
  'bit varying': 'varbit',
  'double precision': 'float8',
  real: 'float4',
  boolean: 'bool',
}

const shown: Readonly<Record<string, string>> = { int4: 'integer', int8: 'bigint', int2: 'smallint', bpchar: 'char' }

export function typeOfNode(node: AstNode | undefined): SqlType {
  const parts = strings(node, 'names')
  const modifiers = members(node, 'typmods', 'A_Const').map((constant) =>
    Number(child(constant, 'ival')?.['ival'] ?? 0),
  )
  return { name: parts.at(-1) ?? '', modifiers, array: list(node, 'arrayBounds').length > 0 }
}

/** From format_type(): 'timestamp(3) without time zone', 'numeric(10,2)[]'. */
export function typeOfText(written: string): SqlType {
  const modifiers = /\(([\d,\s-]+)\)/.exec(written)?.[1]?.split(',').map(Number) ?? []
  const bare = written
    .replace(/\([\d,\s-]+\)/, '')
    .replace(/(\[\])+$/, '')
    .replace(/\s+/g, ' ')
    .trim()
  return { name: aliases[bare] ?? bare, modifiers, array: written.endsWith(']') }
}

export function showType(type: SqlType): string {
  const modifiers = type.modifiers.length === 0 ? '' : `(${type.modifiers.join(', ')})`
  return `${shown[type.name] ?? type.name}${modifiers}${type.array ? '[]' : ''}`
}

/** What ALTER COLUMN TYPE costs: nothing but the lock, new indexes on the column, or the whole table. */
export type TypeChange = 'none' | 'indexes' | 'rewrite'

export function changeOfType(from: SqlType, to: SqlType, timeZone: string | undefined): TypeChange {
  const [fromFirst, fromSecond = 0] = from.modifiers
  const [toFirst, toSecond = 0] = to.modifiers
  if (from.array !== to.array) return 'rewrite'
  // An absent length or precision is the widest.
  const widens = toFirst === undefined || (fromFirst !== undefined && toFirst >= fromFirst)
  if (from.name === to.name) {
    if (from.modifiers.join() === to.modifiers.join()) return 'none'
    if (['varchar', 'varbit', 'timestamp', 'timestamptz', 'time', 'timetz'].includes(to.name))
      return widens ? 'none' : 'rewrite'
    if (to.name === 'numeric') return widens && (toFirst === undefined || toSecond === fromSecond) ? 'none' : 'rewrite'
    return 'rewrite'
  }
  const pair = `${from.name}>${to.name}`
  if (pair === 'varchar>text' || pair === 'cidr>inet') return 'none'
  if (pair === 'text>varchar') return toFirst === undefined ? 'none' : 'rewrite'
  if (pair === 'timestamp>timestamptz' || pair === 'timestamptz>timestamp') {
    // The bytes are the same where the session counts in UTC (since PostgreSQL 12); the operator class is not.
    return isUtc(timeZone) && from.modifiers.join() === to.modifiers.join() ? 'indexes' : 'rewrite'
  }
  return 'rewrite'
}

function isUtc(timeZone: string | undefined): boolean {
  return timeZone !== undefined && /^(etc\/)?(utc|uct|gmt|zulu|universal|greenwich)([+-]?0)?$/i.test(timeZone)
}
