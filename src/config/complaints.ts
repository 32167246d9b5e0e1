// What is wrong with a configuration, as people read it: the path, what was expected, what was got. A value that may hold
// a password is named by its type alone. Pure.

import type { z } from 'zod'
import type { ErrorCode } from '../base/error-table.ts'

export interface Complaint {
  readonly path: string
  readonly text: string
  readonly code: ErrorCode
}

export function complain(issue: z.core.$ZodIssue): Complaint[] {
  const path = formatPath(issue.path)
  const one = (text: string, code: ErrorCode = 'CONFIG_INVALID'): Complaint[] => [{ path, text, code }]
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: formatPath([...issue.path, key]),
        text: 'there is no such key (docs/config.md lists them)',
        code: 'CONFIG_INVALID',
      }))
    case 'invalid_type':
      return one(`expected ${issue.expected}, got ${describeValue(issue.input)}${missingHint(issue.path, issue.input)}`)
    case 'invalid_value':
      return one(`expected ${wordsOf(issue.values)}, got ${describeValue(issue.input)}`)
    case 'invalid_union': {
      const inner = insideOf(issue)
      if (inner.length > 0) {
        return inner.flatMap((each) => complain({ ...each, path: [...issue.path, ...each.path] }))
      }
      return one(
        `expected ${unionWords(issue)}, got ${describeValue(issue.input)}${missingHint(issue.path, issue.input)}`,
      )
    }
    case 'custom':
      return one(issue.message, issue.params?.['code'] === 'NODE_REFUSED' ? 'NODE_REFUSED' : 'CONFIG_INVALID')
    default:
      return one(`${issue.message}, got ${describeValue(issue.input)}`)
  }
}

function wordsOf(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join(' or ')
}

/** What is wrong further down, where an object was given and one of the choices is an object. */
function insideOf(issue: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] {
  if (typeof issue.input !== 'object' || issue.input === null || Array.isArray(issue.input)) return []
  const fits = (errors: readonly z.core.$ZodIssue[]): boolean =>
    errors.every(({ code, path }) => code !== 'invalid_type' || path.length > 0)
  return issue.errors.find(fits) ?? []
}

/** Where a text will do, an object is the long form of it and not what somebody meant who gave neither. */
function unionWords(issue: z.core.$ZodIssueInvalidUnion): string {
  const words = issue.errors.flatMap(([inner]) =>
    inner?.code === 'invalid_value' ? [wordsOf(inner.values)] : inner?.code === 'invalid_type' ? [inner.expected] : [],
  )
  const short = words.filter((word) => word !== 'object')
  return (short.length > 0 ? short : words).join(' or ') || 'another value'
}

function missingHint(path: readonly PropertyKey[], input: unknown): string {
  const isUrl = path[0] === 'database' && (path.at(-1) === 'url' || path.join('.') === 'database.primary')
  return input === undefined && isUrl ? ' (is the environment variable it comes from set?)' : ''
}

function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'null'
  if (typeof value === 'string') return /:\/\//.test(value) ? 'a URL' : JSON.stringify(value.slice(0, 60))
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`
}

function formatPath(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the configuration'
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${String(part)}`))
    .join('')
}
