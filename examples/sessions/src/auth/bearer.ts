// Where a request carries its token: in `Authorization`, or in a cookie, for a page and for its EventSource, which sends no headers.
//
// What must be true: the cookie is sent by no other site (SameSite=Strict), and one that a browser says comes from elsewhere does nothing.

import type { IncomingHttpHeaders } from 'node:http'
import { tokenLifeMs } from './tokens.ts'

/** A request of Fastify's, or of node's. */
export interface Asking {
  readonly headers: IncomingHttpHeaders
}

const cookieName = 'sessions_token'
const attributes = 'Path=/; HttpOnly; SameSite=Strict'

export function bearerOf({ headers }: Asking): string | undefined {
  const { authorization, cookie = '', 'sec-fetch-site': site = 'same-origin' } = headers
  if (authorization !== undefined) return /^Bearer +(\S+)$/i.exec(authorization)?.[1]
  if (site !== 'same-origin') return undefined
  return new RegExp(`(?:^|;\\s*)${cookieName}=([^;\\s]+)`).exec(cookie)?.[1]
}

export const cookieOf = (token: string): string =>
  `${cookieName}=${token}; ${attributes}; Max-Age=${tokenLifeMs / 1_000}`

export const noCookie = `${cookieName}=; ${attributes}; Max-Age=0`
