// What a route can be refused with, or fail with, by status: of every request, of those that need a token, take a body, ask the
// database; and what the route itself says.

import { errorTable, type ErrorCode } from '../base/error-table.ts'
import type { Route } from './route.ts'

const ofAll: readonly ErrorCode[] = [
  'HTTP_MALFORMED',
  'HTTP_TIMEOUT',
  'HTTP_URL_TOO_LONG',
  'HTTP_HEADERS_TOO_LARGE',
  'INTERNAL',
  'HTTP_STOPPING',
]
const ofTokens: readonly ErrorCode[] = ['HTTP_UNAUTHORIZED', 'HTTP_FORBIDDEN', 'HTTP_TOO_MANY']
const ofBodies: readonly ErrorCode[] = ['HTTP_BODY_TOO_LARGE', 'HTTP_MEDIA_TYPE']
const ofDatabase: readonly ErrorCode[] = [
  'DATABASE_UNREACHABLE',
  'DATABASE_LOST',
  'DATABASE_PRIVILEGE',
  'SCHEMA_OLDER',
  'QUERY_TIMEOUT',
]

/** Codes by status, in the order of statuses. */
export function refusalsOf({
  access,
  params,
  query,
  body,
  needs,
  asks,
  fails = [],
}: Route): readonly [number, readonly ErrorCode[]][] {
  const takes = [params, query, body].some((shape) => shape !== undefined)
  const codes = [
    ...ofAll,
    ...(takes ? (['VALUE_INVALID'] as const) : []),
    ...(access === 'open' ? [] : ofTokens),
    ...(body === undefined ? [] : ofBodies),
    ...(needs === undefined ? [] : (['HTTP_NOT_CONFIGURED'] as const)),
    // A management call is written down before anything else.
    ...(asks === 'nothing' && access !== 'manage' ? [] : ofDatabase),
    ...fails,
  ]
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set(codes)) {
    const { status } = errorTable[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return [...byStatus].toSorted(([a], [b]) => a - b)
}
