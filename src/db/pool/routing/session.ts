// What one user has seen: the position that no later read may be behind. Held in an AsyncLocalStorage scope, so that code
// which knows only a pg.Pool is part of it.
// Invariants: a session's position never goes back; while something of it is under way whose position is not known yet (a
// transaction, a stream), or was left behind without one (its connection was lost), its reads go to the primary, and the
// first one there that began after it settles it.

import { AsyncLocalStorage } from 'node:async_hooks'
import { StrataError } from '../../../base/errors.ts'
import type { Lsn } from '../../lsn.ts'
import type { Token } from '../../token.ts'
import type { Route } from '../options.ts'

export class CausalSession {
  /** Reads join too: what was read once is never unseen. Without it only writes count. */
  readonly monotonic: boolean
  /** What holds outside of sessions: a write in a session is one of the process, too. */
  readonly process: CausalSession | undefined
  systemId: string | undefined
  timeline = 0
  lsn: Lsn = 0n
  #isUnsettled = false
  /** Grows with everything whose position is not known: who asks for a position knows what that covers. */
  #epoch = 0
  #underWay = 0

  constructor(token: Token | undefined, monotonic: boolean, process?: CausalSession) {
    this.monotonic = monotonic
    this.process = process
    if (token === undefined) return
    this.systemId = token.systemId
    this.timeline = token.timeline
    this.lsn = token.lsn
    this.#isUnsettled = token.isUnsettled === true
  }

  get token(): Token | undefined {
    if (this.systemId === undefined) return undefined
    const { systemId, timeline, lsn } = this
    return { systemId, timeline, lsn, ...(this.isUnsettled ? { isUnsettled: true as const } : {}) }
  }

  /** Only the primary can serve it. */
  get isUnsettled(): boolean {
    return this.#isUnsettled || this.#underWay > 0
  }

  get epoch(): number {
    return this.#epoch
  }

  /** Something was done whose position nobody knows. */
  unsettle(): void {
    this.doubt()
    this.process?.unsettle()
  }

  /** The same, of this session alone. */
  doubt(): void {
    this.#epoch++
    this.#isUnsettled = true
  }

  /** A position was joined that was asked for after `epoch`. */
  settle(epoch: number): void {
    if (epoch === this.#epoch) this.#isUnsettled = false
  }

  /** A transaction or a stream begins. */
  begin(): void {
    this.#underWay++
  }

  finish(): void {
    this.#underWay--
  }

  /** What somebody else has seen: also that there is more whose position is not known. */
  joinToken({ systemId, timeline, lsn, isUnsettled }: Token): void {
    this.join(systemId, timeline, lsn)
    if (isUnsettled === true) this.doubt()
  }

  join(systemId: string, timeline: number, lsn: Lsn): void {
    if (this.systemId === undefined) this.systemId = systemId
    else if (this.systemId !== systemId) throw foreignToken()
    if (timeline < this.timeline || (timeline === this.timeline && lsn <= this.lsn)) return
    this.timeline = timeline
    this.lsn = lsn
  }
}

export function foreignToken(): StrataError {
  return new StrataError('TOKEN_FOREIGN', { message: 'The token is of another database cluster' })
}

/** The session has seen another cluster than the one that the server belongs to. */
export function isForeign(
  session: CausalSession | undefined,
  identity: { readonly systemId: string } | undefined,
): boolean {
  if (session?.systemId === undefined || identity === undefined) return false
  return session.systemId !== identity.systemId
}

/** What surrounds a call: whose session it belongs to, and where its statements were told to go. */
export interface Scope {
  readonly session: CausalSession | undefined
  readonly route: Route | undefined
}

export type Scopes = AsyncLocalStorage<Scope>

export function createScopes(): Scopes {
  return new AsyncLocalStorage<Scope>()
}
