// Names of cached values. Whatever a user's key holds, Redis and other processes see a digest of it: it may be long, may
// hold odd bytes, and may say something about somebody.
//
// What must be true: two different keys have two different names, in Redis (128 bits of SHA-256 over parts whose ends cannot
// be moved) and here (`localKey`, where the namespace holds no NUL).

import { hash } from 'node:crypto'
import { StrataError } from '../base/errors.ts'

const longestKeyBytes = 65_536

/** What the process itself looks up: no digest, for that would be half of the cost of a hit. */
export function localKey(namespace: string, key: string): string {
  if (typeof key !== 'string' || key.length > longestKeyBytes)
    throw new StrataError('VALUE_INVALID', {
      message: 'The key of a cached value',
      expected: `a text of at most ${longestKeyBytes} characters`,
    })
  return `${namespace}\0${key}`
}

export function keyMark(namespace: string, key: string): string {
  return `k${digest(['key', namespace, key])}`
}

export function tagMark(tag: string): string {
  return remembered(`t${tag}`, () => `t${digest(['tag', tag])}`)
}

export function namespaceMark(namespace: string): string {
  return remembered(`n${namespace}`, () => `n${digest(['namespace', namespace])}`)
}

/** The same few come with every call; a digest takes as long as the rest of a look into the process's copies. */
const marks = new Map<string, string>()
const mostMarks = 10_000

function remembered(name: string, make: () => string): string {
  const known = marks.get(name)
  if (known !== undefined) return known
  const made = make()
  if (marks.size >= mostMarks) marks.clear()
  marks.set(name, made)
  return made
}

/** A query and everything its answer depends on beside the data. */
export interface QueryIdentity {
  readonly text: string
  readonly values: readonly unknown[]
  /** Role, tenant, search_path: whatever makes the same text mean something else. */
  readonly identity: Readonly<Record<string, string | undefined>>
}

export function queryKey({ text, values, identity }: QueryIdentity): string {
  const who = Object.entries(identity)
    .filter(([, value]) => value !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return `query:${digest([text, JSON.stringify(who), ...values.map(describeValue)])}`
}

/** With its type: 1 and '1' may be different parameters. */
function describeValue(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (Buffer.isBuffer(value)) return `bytes ${value.toString('base64')}`
  if (value instanceof Date) return `date ${value.getTime()}`
  if (typeof value === 'object') return `json ${JSON.stringify(value, (_, inner: unknown) => describeInner(inner))}`
  return `${typeof value} ${(value as string | number | bigint | boolean).toString()}`
}

/** No JSON that a database takes has a NUL in it, so nothing else looks like this. */
function describeInner(value: unknown): unknown {
  return typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value))
    ? { [`\0${typeof value}`]: `${value}` }
    : value
}

/** Each part by its length first. Half a surrogate pair would become the same as any other in UTF-8, so UTF-16 it is. */
function digest(parts: readonly string[]): string {
  const text = parts.map((part) => `${part.length}:${part}`).join('')
  return hash('sha256', Buffer.from(text, 'utf16le'), 'base64url').slice(0, 22)
}
