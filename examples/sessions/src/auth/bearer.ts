// Where a request carries its token: in `Authorization`, or in a cookie, for a page and for its EventSource, which sends no headers.
//
// What must be true: the cookie is sent by no other site (SameSite=Strict), and one that a browser says comes from elsewhere does nothing.
// Where the site is on https, it is sent over nothing else.

import type { IncomingHttpHeaders } from 'node:http'
import { tokenLifeMs } from './tokens.ts'

/** A request of Fastify's, or of node's. */
export interface Asking {
  readonly headers: IncomingHttpHeaders
}

const cookieName = 'sessions_token'

/** `site`: where people sign in. */
const attributesOn = (site: string): string =>
  `Path=/; HttpOnly; SameSite=Strict${site.startsWith('https:') ? '; Secure' : ''}`

export function bearerOf({ headers }: Asking): string | undefined {
  const { authorization, cookie = '', 'sec-fetch-site': site = 'same-origin' } = headers
  if (authorization !== undefined) return /^Bearer +(\S+)$/i.exec(authorization)?.[1]
  if (site !== 'same-origin') return undefined
  return new RegExp(`(?:^|;\\s*)${cookieName}=([^;\\s]+)`).exec(cookie)?.[1]
}

export const cookieOf = (token: string, site: string): string =>
  `${cookieName}=${token}; ${attributesOn(site)}; Max-Age=${tokenLifeMs / 1_000}`

export const noCookieOf = (site: string): string => `${cookieName}=; ${attributesOn(site)}; Max-Age=0`
