// The cache itself: a value from this process's copies, from Redis, or from its loader.
//
// What it promises: when `invalidate` says 'everywhere', no `get` that begins afterwards, in any process on the same Redis,
// gives a value whose load began before it. For each stands something else in between:
// - what is in Redis: the lease of a key and the versions of tags are taken before a load begins, and a value is stored only
//   while they are the same; a value is found only while its versions are (scripts.ts);
// - what another process has copied: it is a member and has said that it dropped it, or is none any more (trust.ts);
// - a load under way: nobody who came after the invalidation joins it (flights.ts), and it leaves no copy.
// Without Redis the same holds within the process. Beside that, a copy is served for `maxStaleness` (5 s) at most before
// Redis is asked again, which bounds what a split Redis or a missed invalidation can do; and nothing outlives its `ttl` and
// `staleFor`. With a token, a value is served only if its load began strictly behind it, or the feed has passed it
// and tells of everything that the value depends on.
// What must be true: `position` is the primary's insert position; the loader reads at least as new as `atLeast`.
// On failure: Redis that is not there, slow, full or empty makes misses, never errors. Copies are dropped when the connection
// is lost, and loads go on one at a time for a key in each process. A loader's error goes to whoever waits for it.
// Bounds: a load by `loadTimeout`; waiting for another process's load by `waitMs`; copies by bytes.

import { decode } from './codec.ts'
import { fetchValue, fillValue, loadAlone, type Errand, type Request, type Served } from './fetch.ts'
import { Flights, type Flight } from './flights.ts'
import { keyMark, namespaceMark, tagMark } from './key.ts'
import type { LocalEntry } from './l1.ts'
import type { Lease } from './l2.ts'
import type { GetCall } from './options.ts'
import { CacheState, hasPassed, isBehind, type CoreOptions } from './state.ts'
import type { Lsn } from '../db/lsn.ts'

/** How often a copy is asked for before it is loaded ahead of its time. */
const hotHits = 3

export class CacheCore {
  readonly state: CacheState
  readonly #flights = new Flights<Served>()

  constructor(options: CoreOptions) {
    this.state = new CacheState(options, (marks) => this.drop(marks))
  }

  /** Copies go, and flights leave none. undefined: everything. */
  drop(marks: readonly string[] | undefined): void {
    this.#flights.invalidate(marks)
    if (marks === undefined) this.state.local.clear()
    else this.state.local.drop(marks)
  }

  /** A copy that may be served now: the way of nearly every call, and so without a promise. Whoever serves it counts it. */
  find(
    local: string,
    how: {
      readonly token: Lsn | undefined
      readonly maxStalenessMs: number | undefined
      readonly isTold: () => boolean
    },
  ): LocalEntry | undefined {
    const { state } = this
    const entry = state.local.get(local)
    if (entry === undefined) return undefined
    const nowMs = state.options.clock.monotonic()
    if (nowMs >= entry.keepUntilMs) return undefined
    if (state.trust !== undefined) {
      const copyMs = how.maxStalenessMs ?? state.options.maxStalenessMs
      if (!state.trust.holdsAt(nowMs) || nowMs >= entry.copiedAtMs + copyMs) return undefined
    }
    const { token } = how
    const isNewEnough = token === undefined || isBehind(entry.lsn, token)
    return isNewEnough || (hasPassed(state.position, token) && how.isTold()) ? entry : undefined
  }

  count(entry: LocalEntry): void {
    entry.hits++
    const counters = this.state.stats.of(entry.namespace)
    counters.localHits++
    if (this.state.options.clock.monotonic() >= entry.freshUntilMs) counters.staleServed++
  }

  /** A copy that was just served is stale, or about to be and asked for often. */
  needsRefresh(entry: LocalEntry): boolean {
    const nowMs = this.state.options.clock.monotonic()
    return nowMs >= entry.freshUntilMs || (nowMs >= entry.aheadFromMs && entry.hits >= hotHits)
  }

  /** In the background: nobody waits, and what goes wrong shows in the numbers. */
  refresh(request: Request): void {
    if (this.#flights.get(request.local) !== undefined) return
    this.state.stats.of(request.call.namespace).refreshes++
    this.#begin(request, (errand) => this.#fetch(errand, true))
  }

  async get(request: Request): Promise<unknown> {
    const { local, call } = request
    let ticket = this.#flights.takeTicket()
    let attempts = 0
    for (;;) {
      const flying = this.#flights.get(local)
      if (flying !== undefined && !this.#mayJoin(flying, ticket)) {
        await flying.landing.catch(() => undefined)
        continue
      }
      const flight = flying ?? this.#begin(request, (errand) => this.#fetch(errand, false))
      const served = await flight.landing
      if (call.token === undefined || this.#reaches(served, flight, call)) return handOut(served)
      // That of others, whose tokens were older: once more, and then alone.
      if (attempts++ > 0) return handOut(await loadAlone(this.state, request))
      ticket = this.#flights.takeTicket()
    }
  }

  #reaches({ lsn, token: told, position }: Served, flight: Flight<Served>, { token = 0n, isTold }: GetCall): boolean {
    if (isBehind(lsn, token) || hasPassed(told, token)) return true
    if (!isTold) return false
    if (hasPassed(position, token)) return true
    // The feed may have passed the token because of what makes this value old.
    return !flight.isInvalidated && this.state.isSound(flight.epoch) && hasPassed(this.state.position, token)
  }

  #mayJoin(flight: Flight<Served>, ticket: number): boolean {
    return ticket < flight.began || (!flight.isInvalidated && this.state.isSound(flight.epoch))
  }

  #begin(request: Request, run: (errand: Errand) => Promise<Served>): Flight<Served> {
    const { namespace, tags } = request.call
    const mark = keyMark(namespace, request.key)
    const tagMarks = [namespaceMark(namespace), ...tags.map(tagMark)]
    const standing = { marks: [mark, ...tagMarks], epoch: this.state.epoch }
    return this.#flights.begin(request.local, standing, (flight) => run({ request, flight, place: { mark, tagMarks } }))
  }

  async #fetch(errand: Errand, isRefresh: boolean): Promise<Served> {
    const onStale = (lease: Lease): void => this.#goOn(errand.request, lease)
    return await fetchValue(this.state, errand, { isRefresh, onStale })
  }

  /** The stale value is served, and the key's next flight loads another. */
  #goOn(request: Request, lease: Lease): void {
    this.state.stats.of(request.call.namespace).refreshes++
    this.#begin(request, (errand) => fillValue(this.state, errand, lease))
  }
}

export function handOut({ value, bytes }: { readonly value: unknown; readonly bytes: Buffer | undefined }): unknown {
  return bytes === undefined ? value : decode(bytes).value
}
