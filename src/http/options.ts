// The options of a carrier, checked when it is made: what a browser or node:http would silently drop or refuse at every
// request fails here with CONFIG_INVALID.

import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { StrataError } from '../base/errors.ts'
import type { Cookie } from './cookie.ts'

export type CausalRequest = IncomingMessage | Http2ServerRequest

export interface CarrierOptions {
  /** At least 32 characters. Several: the first signs, all verify. */
  readonly secret: string | readonly string[]
  /** The cookie's name; default 'pgstrata'. false: no cookie. */
  readonly cookie?: string | false
  /** The header's name in requests and responses; default 'x-pgstrata-token'. false: no header. */
  readonly header?: string | false
  readonly cookieAttributes?: CookieAttributes
  /** Told of every token that was dropped: forged, cut short, or of another cluster. What it throws, the request throws. */
  readonly onRefused?: (error: StrataError, request: CausalRequest) => void
}

/** HttpOnly is always set. */
export interface CookieAttributes {
  /** In seconds; default 60. Longer than a replica may ever lag, or a reader returns to an older database. */
  readonly maxAge?: number
  /** Default '/'. */
  readonly path?: string
  /** Default: the host alone. */
  readonly domain?: string
  /** Default true. A browser keeps such a cookie only if it came over HTTPS (or from localhost). */
  readonly secure?: boolean
  /** Default 'lax'. */
  readonly sameSite?: 'strict' | 'lax' | 'none'
}

export interface ResolvedOptions {
  readonly secrets: readonly string[]
  /** In lower case, as node:http has it. */
  readonly header: string | undefined
  readonly cookie: Cookie | undefined
  readonly onRefused: CarrierOptions['onRefused']
}

const nameForm = /^[\w!#$%&'*+.^`|~-]+$/

export function resolveOptions(options: CarrierOptions): ResolvedOptions {
  const { secret, cookie = 'pgstrata', header = 'x-pgstrata-token', cookieAttributes = {}, onRefused } = options
  for (const [key, name] of Object.entries({ cookie, header }))
    demand(name === false || nameForm.test(name), key, "a name of letters, digits and -_.!#$%&'*+^`|~, or false")
  demand(cookie !== false || header !== false, 'cookie and header', 'at least one of them')
  return {
    secrets: typeof secret === 'string' ? [secret] : secret,
    header: header === false ? undefined : header.toLowerCase(),
    cookie: cookie === false ? undefined : resolveCookie(cookie, cookieAttributes),
    onRefused,
  }
}

function resolveCookie(name: string, attributes: CookieAttributes): Cookie {
  const { maxAge = 60, path = '/', domain, secure = true, sameSite = 'lax' } = attributes
  demand(Number.isInteger(maxAge) && maxAge > 0, 'cookieAttributes.maxAge', 'whole seconds, at least 1')
  demand(/^\/[\x20-\x3a\x3c-\x7e]*$/.test(path), 'cookieAttributes.path', 'one that begins with / and holds no ;')
  demand(domain === undefined || /^[a-z\d.-]+$/i.test(domain), 'cookieAttributes.domain', 'the name of a domain')
  demand(
    secure || sameSite !== 'none',
    'cookieAttributes.sameSite',
    "'none' only with secure: browsers drop it otherwise",
  )
  demand(secure || !/^__(secure|host)-/i.test(name), 'cookie', 'no such prefix without secure: browsers drop it')
  demand(
    (path === '/' && domain === undefined) || !/^__host-/i.test(name),
    'cookie',
    "with __Host- the path '/' and no domain: browsers drop it otherwise",
  )
  return { name, maxAge, path, domain, secure, sameSite }
}

function demand(holds: boolean, key: string, expected: string): void {
  if (!holds) throw new StrataError('CONFIG_INVALID', { message: `${key} of the token's carrier`, expected })
}
