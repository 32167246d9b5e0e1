// Sessions as the application has them: begin one from a token, run code in it, read the token it has come to.

import { formatToken, parseToken, type Token } from '../../token.ts'
import type { PoolCore } from '../pool-core.ts'
import { CausalSession, foreignToken } from './session.ts'

export class Session {
  readonly #core: PoolCore
  readonly #inner: CausalSession

  constructor(core: PoolCore, token: Token | string | undefined) {
    this.#core = core
    const parsed = typeof token === 'string' ? parseToken(token) : token
    const { systemId } = core.cluster
    if (parsed !== undefined && systemId !== undefined && parsed.systemId !== systemId) throw foreignToken()
    this.#inner = new CausalSession(parsed, true, core.dispatcher.outside)
  }

  /** What was seen and written so far; undefined before anything was, or where a single server has no name. */
  get token(): Token | undefined {
    return tokenOf(this.#inner, this.#core.cluster)
  }

  /** The token as text, for a header, a cookie or a queue; '' where there is none. */
  toString(): string {
    return this.token === undefined ? '' : formatToken(this.token)
  }

  /** Takes in what somebody else has seen: no later read is behind it. */
  join(token: Token | string): void {
    this.#inner.joinToken(typeof token === 'string' ? parseToken(token) : token)
  }

  /** There is more that no later read may be behind, and nobody knows where: the primary serves it, until it has told. */
  unsettle(): void {
    this.#inner.doubt()
  }

  /** Everything that `work` and what it awaits sends through the pool belongs to this session. */
  run<T>(work: () => T): T {
    const route = this.#core.scopes.getStore()?.route
    return this.#core.scopes.run({ session: this.#inner, route }, work)
  }
}

/** undefined: nothing was seen, or a single server has no name. */
export function tokenOf(
  { token, isUnsettled }: CausalSession,
  { systemId, timeline }: { readonly systemId: string | undefined; readonly timeline: number | undefined },
): Token | undefined {
  if (token !== undefined || !isUnsettled) return token
  // No position is known yet, and that is what whoever goes on from here must know.
  return systemId === undefined || timeline === undefined ? undefined : { systemId, timeline, lsn: 0n, isUnsettled }
}
