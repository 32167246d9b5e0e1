// Who may: a bearer token out of a list.

import { createHash, timingSafeEqual } from 'node:crypto'

/** `authorization: Bearer <token>`, with one of these. All are compared, and digests of them, so that the time it takes tells nothing. */
export function holdsToken(tokens: Iterable<string>, authorization: string | undefined): boolean {
  const given = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1]
  if (given === undefined) return false
  const digest = digestOf(given)
  return [...tokens].filter((token) => timingSafeEqual(digestOf(token), digest)).length > 0
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
