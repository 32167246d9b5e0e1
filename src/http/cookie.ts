// One cookie of ours among those of others. Pure. A value is a signed token, whose characters need no encoding.

export interface Cookie {
  readonly name: string
  /** In seconds. */
  readonly maxAge: number
  readonly path: string
  readonly domain: string | undefined
  readonly secure: boolean
  readonly sameSite: 'strict' | 'lax' | 'none'
}

/** Pairs of one Cookie header that are looked at; a browser keeps some hundred for a domain. */
const maxPairs = 500

/**
 * The values that carry `name`, empty ones left out, at most `maxValues`. One name comes several times where cookies of
 * several paths or domains match. Whatever does not read as a pair is passed over: others write what they like.
 */
export function readCookies(header: string | undefined, name: string, maxValues: number): readonly string[] {
  if (header === undefined) return []
  return header
    .split(';', maxPairs)
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => unquote(pair.slice(name.length + 1)))
    .filter((value) => value !== '')
    .slice(0, maxValues)
}

function unquote(value: string): string {
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
}

const sameSites = { strict: 'Strict', lax: 'Lax', none: 'None' } as const

/** A line of Set-Cookie. */
export function formatCookie(cookie: Cookie, value: string): string {
  return [
    `${cookie.name}=${value}`,
    `Max-Age=${cookie.maxAge}`,
    ...(cookie.domain === undefined ? [] : [`Domain=${cookie.domain}`]),
    `Path=${cookie.path}`,
    'HttpOnly',
    ...(cookie.secure ? ['Secure'] : []),
    `SameSite=${sameSites[cookie.sameSite]}`,
  ].join('; ')
}
