// Who may ask what: a token in `Authorization: Bearer …`, compared in constant time with all there are.
//
// Promises: a right token is let in at any time, whoever else guesses from the same address; after ten wrong ones within a
// minute an address is told to come back later (429), in one step and without a look at the database. What is remembered of
// addresses is bounded: the longest unheard is forgotten first.
// Where there are no tokens at all, this machine may look, and nobody may change; then
// the host a request names must be the loopback, or a page of somebody's in a browser could look as well (DNS rebinding).

import { createHash, timingSafeEqual } from 'node:crypto'
import { isIPv6 } from 'node:net'
import type { Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import { isLoopback, type NamedToken, type ServerSettings } from '../config/server.ts'

/** open: anybody; read: to look; manage: to change, which is audited. */
export type AccessLevel = 'open' | 'read' | 'manage'

export interface Actor {
  readonly name: string
  readonly mayManage: boolean
}

interface Asked {
  readonly level: AccessLevel
  readonly authorization: string | undefined
  readonly host: string | undefined
  readonly address: string
  /** It came by a proxy, so the address is not that of who asks. */
  readonly isForwarded: boolean
}

export interface Access {
  /** HTTP_UNAUTHORIZED, HTTP_FORBIDDEN, HTTP_TOO_MANY. */
  admit(asked: Asked): Actor
}

interface HashedToken extends Actor {
  readonly digest: Buffer
}

const anybody: Actor = { name: 'anybody', mayManage: false }

export function createAccess(tokens: ServerSettings['tokens'], clock: Clock): Access {
  const hashed = [...hashAll(tokens.read, false), ...hashAll(tokens.manage, true)]
  const guesses = new Guesses(clock)
  return {
    admit: ({ level, authorization, host, address, isForwarded }) => {
      if (level === 'open') return anybody
      if (hashed.length === 0) return admitUnknown({ level, host, address, isForwarded })
      const actor = find(hashed, authorization)
      if (actor === undefined) throw refuse(guesses, authorization, address)
      if (level === 'manage' && !actor.mayManage)
        throw new StrataError('HTTP_FORBIDDEN', { message: 'This token may look, and change nothing' })
      return actor
    },
  }
}

function admitUnknown({ level, host, address, isForwarded }: Omit<Asked, 'authorization'>): Actor {
  if (level === 'manage') {
    throw new StrataError('HTTP_FORBIDDEN', {
      message: 'Nothing can be managed over HTTP here: there is no token that may',
      advice: 'Configure `server.tokens.manage`.',
    })
  }
  if (isForwarded || !isLoopback(address.replace(/^::ffff:/, ''))) {
    throw new StrataError('HTTP_FORBIDDEN', {
      message: 'Without tokens nobody may look from another machine',
      advice: 'Configure `server.tokens`.',
    })
  }
  if (host === undefined || isLoopback(hostOf(host))) return anybody
  throw new StrataError('HTTP_FORBIDDEN', {
    message: 'The request names another host',
    expected: 'localhost, 127.0.0.1 or [::1]',
    advice: 'Ask by the address of the loopback, or configure `server.tokens`.',
  })
}

function hostOf(header: string): string {
  return header.startsWith('[') ? (header.slice(1).split(']')[0] ?? '') : (header.split(':')[0] ?? '').toLowerCase()
}

function hashAll(tokens: readonly NamedToken[], mayManage: boolean): readonly HashedToken[] {
  return tokens.map(({ name, token }) => ({ name, mayManage, digest: digestOf(token) }))
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** Looks at all of them, whichever it is. A token that is listed twice is the one that may more. */
function find(tokens: readonly HashedToken[], authorization: string | undefined): Actor | undefined {
  const presented = /^bearer ([\x21-\x7e]{1,512})$/i.exec(authorization ?? '')?.[1]
  if (presented === undefined) return undefined
  const digest = digestOf(presented)
  let found: Actor | undefined
  for (const token of tokens) if (timingSafeEqual(token.digest, digest)) found = token
  return found
}

function refuse(guesses: Guesses, authorization: string | undefined, address: string): StrataError {
  if (authorization === undefined) return new StrataError('HTTP_UNAUTHORIZED', { message: 'A token is needed' })
  const waitMs = guesses.note(address)
  if (waitMs === 0) return new StrataError('HTTP_UNAUTHORIZED', { message: 'The token is not one of those here' })
  return new StrataError('HTTP_TOO_MANY', {
    message: 'Too many wrong tokens came from this address',
    details: { retryAfterSeconds: Math.ceil(waitMs / 1_000) },
  })
}

const mostGuesses = 10
const windowMs = 60_000
const mostAddresses = 10_000

/** Wrong tokens by address. */
export class Guesses {
  readonly #clock: Clock
  readonly #byAddress = new Map<string, { count: number; untilMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#byAddress.size
  }

  /** Notes one more; how long the address is to wait, 0: it need not yet. */
  note(address: string): number {
    const nowMs = this.#clock.monotonic()
    const key = networkOf(address)
    const known = this.#byAddress.get(key)
    const entry = known === undefined || known.untilMs <= nowMs ? { count: 0, untilMs: nowMs + windowMs } : known
    entry.count++
    // Last in the order in which the map gives them out, so the first is who was not heard of for longest.
    this.#byAddress.delete(key)
    this.#byAddress.set(key, entry)
    if (this.#byAddress.size > mostAddresses) this.#byAddress.delete(this.#byAddress.keys().next().value ?? '')
    return entry.count > mostGuesses ? entry.untilMs - nowMs : 0
  }
}

/** Who has one address of IPv6 has at least a /64 of them. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address
  const [head = '', tail] = address.split('::')
  const groups = head.split(':').filter((group) => group !== '')
  const rest = tail === undefined ? [] : tail.split(':').filter((group) => group !== '')
  const zeros = Array.from({ length: Math.max(0, 8 - groups.length - rest.length) }, () => '0')
  return [...groups, ...zeros, ...rest].slice(0, 4).join(':')
}
