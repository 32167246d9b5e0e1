// How a token travels with HTTP: out of a request's header and cookie, into a response's. Only signed tokens are believed;
// what was forged, cut short or signed by another secret is told to `onRefused` and counts as nothing, for whoever sends
// it has no claim. Nothing goes out where the request came with as much. State: none but the options.

import { isStrataError, type StrataError } from '../base/errors.ts'
import { createTokenSigner, mergeTokens, type Token } from '../db/token.ts'
import { formatCookie, readCookies } from './cookie.ts'
import { resolveOptions, type CarrierOptions, type CausalRequest } from './options.ts'
import type { HeadAdditions } from './response-head.ts'

export interface CausalSession {
  /** As far as the session has seen by now. */
  readonly token: Token | undefined
}

export interface CausalScope {
  /** Runs fn so that all queries inside (AsyncLocalStorage) belong to one causal session that begins at `token`. */
  scope<T>(token: Token | undefined, fn: (session: CausalSession) => T): T
}

export interface Carrier {
  /** The latest valid token of each cluster, the header's cluster first. */
  read(request: CausalRequest): readonly Token[]
  refuse(error: StrataError, request: CausalRequest): void
  /** What the response must carry if the request came with `incoming`; undefined: nothing. */
  write(session: CausalSession, incoming: Token | undefined): HeadAdditions | undefined
}

/** Texts looked at of one header or cookie name: each costs a signature. */
const maxTexts = 8

export function createCarrier(options: CarrierOptions): Carrier {
  const { secrets, header, cookie, onRefused } = resolveOptions(options)
  const signer = createTokenSigner(secrets)
  const verify = (text: string, request: CausalRequest): Token | undefined => {
    try {
      return signer.verify(text)
    } catch (error) {
      if (!isStrataError(error, 'TOKEN_INVALID')) throw error
      onRefused?.(error, request)
      return undefined
    }
  }
  return {
    read: (request) => {
      const texts = [
        ...(header === undefined ? [] : readHeader(request.headers[header])),
        ...(cookie === undefined ? [] : readCookies(request.headers.cookie, cookie.name, maxTexts)),
      ]
      return latestOfEach([...new Set(texts)].flatMap((text) => verify(text, request) ?? []))
    },
    refuse: (error, request) => onRefused?.(error, request),
    write: ({ token }, incoming) => {
      if (token === undefined || !hasAdvanced(token, incoming)) return undefined
      const text = signer.sign(token)
      return {
        headers: header === undefined ? {} : { [header]: text },
        cookies: cookie === undefined ? [] : [formatCookie(cookie, text)],
      }
    },
  }
}

/** A header that came several times is one text with commas. */
function readHeader(value: string | string[] | undefined): readonly string[] {
  const texts = typeof value === 'string' ? [value] : (value ?? [])
  return texts
    .flatMap((text) => text.split(',', maxTexts))
    .slice(0, maxTexts)
    .map((text) => text.trim())
    .filter((text) => text !== '')
}

function latestOfEach(tokens: readonly Token[]): readonly Token[] {
  const latest = new Map<string, Token>()
  for (const token of tokens) latest.set(token.systemId, mergeTokens(latest.get(token.systemId), token) ?? token)
  return [...latest.values()]
}

/** A client is never given less than it came with, unless that was of another cluster. */
function hasAdvanced(token: Token, incoming: Token | undefined): boolean {
  if (incoming === undefined || token.systemId !== incoming.systemId) return true
  const later = mergeTokens(incoming, token)
  return later?.timeline !== incoming.timeline || later.lsn !== incoming.lsn
}
