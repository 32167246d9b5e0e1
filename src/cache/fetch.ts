// How a flight comes by its value: from Redis, from another process that loads it just now, or from its loader; and what it
// leaves behind: a value in Redis, a copy here.
//
// What must be true: a load begins only after the lease and the versions were read; a copy is kept only of what is stored,
// if nothing named it meanwhile and nothing was missed.
// On failure: whatever Redis does or fails to do ends in a load. A lease that is not used is given back.

import { jitter } from '../base/random.ts'
import type { Lsn } from '../db/lsn.ts'
import { decode } from './codec.ts'
import type { Flight } from './flights.ts'
import { sizeOf } from './l1.ts'
import type { Lease, SharedRead, SharedValue } from './l2.ts'
import { loadValue, type Loaded } from './load.ts'
import type { GetCall, Load } from './options.ts'
import { hasPassed, isBehind, type CacheState } from './state.ts'

export interface Request {
  /** Where a copy is kept. */
  readonly local: string
  readonly key: string
  readonly load: Load<unknown>
  readonly call: GetCall
}

/** Where its key is found in Redis. */
interface Place {
  readonly mark: string
  readonly tagMarks: readonly string[]
}

/** A value as one or many get it. */
export interface Served {
  /** Given to everybody; where `bytes` is set, each gets its own. */
  readonly value: unknown
  readonly bytes: Buffer | undefined
  readonly lsn: Lsn | undefined
  /** Its load was told to be at least as new. */
  readonly token: Lsn | undefined
  /** How far the feed had come when it was found valid. */
  readonly position: Lsn | undefined
}

export interface Errand {
  readonly request: Request
  readonly flight: Flight<Served>
  readonly place: Place
}

/** Loads ahead of time begin in the last fifth of it. */
const aheadShare = 0.8
const mostCold = 1_000
const firstPollMs = 4
const longestPollMs = 50
/** Loads of others that are waited for: the one under way, and the next, which began later than whoever waits. */
const mostHolders = 2

/** `onStale`: a stale value is served, and whoever calls has the lease to load another. */
export async function fetchValue(
  state: CacheState,
  errand: Errand,
  how: { readonly isRefresh: boolean; readonly onStale: (lease: Lease) => void },
): Promise<Served> {
  const { request } = errand
  const counters = state.stats.of(request.call.namespace)
  const { value, lease, position, askedMs } = await askShared(state, errand, how.isRefresh)
  if (value !== undefined && !(how.isRefresh && lease !== undefined)) {
    state.cold.delete(request.call.namespace)
    counters.sharedHits++
    if (value.freshMs < 1) {
      counters.staleServed++
      if (lease !== undefined) how.onStale(lease)
    }
    return { ...serve(keepShared(state, errand, value, askedMs)), position }
  }
  if (!how.isRefresh) counters.misses++
  if (state.cold.size < mostCold) state.cold.add(request.call.namespace)
  return await fillValue(state, errand, lease)
}

type Asked = Pick<SharedRead, 'value' | 'lease' | 'position'> & { readonly askedMs: number }

/** A value that may be served, a lease, or neither, after others were waited for. */
async function askShared(state: CacheState, { request, place }: Errand, isRefresh: boolean): Promise<Asked> {
  const { clock, random, waitMs, shared } = state.options
  const { loadTimeoutMs: leaseMs, token, isTold } = request.call
  const untilMs = clock.monotonic() + waitMs
  const holders = new Set<string>()
  let pollMs = firstPollMs
  let isFirst = !isRefresh && !state.cold.has(request.call.namespace)
  let leaseAnyway = isRefresh
  for (;;) {
    const askedMs = clock.monotonic()
    const nothing = { value: undefined, lease: undefined, position: undefined, askedMs }
    if (shared === undefined || !state.isOpen) return nothing
    const asking = isFirst
      ? shared.layer.find(place.mark, place.tagMarks, token !== undefined && isTold)
      : shared.layer.lease(place.mark, place.tagMarks, { leaseAnyway, leaseMs })
    const read = await asking.catch(() => undefined)
    if (read === undefined) return nothing
    const { value, lease, holder, position } = read
    const isServed =
      value !== undefined &&
      (token === undefined || isBehind(value.lsn, token) || (isTold && hasPassed(position, token)))
    if (isServed && !(isFirst && value.freshMs < 1)) return { value, lease, position, askedMs }
    if (lease !== undefined) return { value: undefined, lease, position, askedMs }
    leaseAnyway ||= value !== undefined && !isServed
    isFirst = false
    if (holder === undefined) continue
    holders.add(holder)
    if (isRefresh || holders.size > mostHolders || clock.monotonic() >= untilMs) return nothing
    await clock.sleep(jitter(pollMs, 0.5, random))
    pollMs = Math.min(longestPollMs, pollMs * 2)
  }
}

export async function fillValue(state: CacheState, errand: Errand, lease: Lease | undefined): Promise<Served> {
  const { shared, clock } = state.options
  const { call } = errand.request
  const { mark, tagMarks } = errand.place
  const counters = state.stats.of(call.namespace)
  let held = lease
  try {
    const loaded = await loadCounted(state, errand.request)
    const { stored: bytes, lsn } = loaded
    const askedMs = clock.monotonic()
    const served = { ...serve(loaded), token: call.token }
    if (bytes === undefined) {
      counters.tooLarge++
      return served
    }
    const freshMs = loaded.ttlMs ?? (loaded.isNone ? call.negativeTtlMs : call.ttlMs)
    const { staleForMs } = call
    let isStored = shared === undefined
    if (shared !== undefined && held !== undefined && state.isOpen) {
      const value = { mark, tagMarks, lease: held, bytes, freshMs, staleForMs, lsn }
      held = undefined
      isStored = await shared.layer.store(value).catch(() => false)
    }
    const isKept = isStored && keep(state, errand, { loaded, freshMs, staleForMs, askedMs })
    if (!isStored || (shared === undefined && !isKept)) counters.notStored++
    return served
  } finally {
    // Others need not wait for what will not come.
    if (held !== undefined) shared?.layer.release(mark, held).catch(() => undefined)
  }
}

/** Alone, and for nobody else. */
export async function loadAlone(state: CacheState, request: Request): Promise<Served> {
  return { ...serve(await loadCounted(state, request)), token: request.call.token }
}

async function loadCounted(state: CacheState, { load, call }: Request): Promise<Loaded> {
  const counters = state.stats.of(call.namespace)
  counters.loads++
  try {
    const loaded = await loadValue({ load, token: call.token, timeoutMs: call.loadTimeoutMs }, state.options)
    counters.loadMs += loaded.durationMs
    return loaded
  } catch (error) {
    counters.loadFailures++
    throw error
  }
}

function keepShared(state: CacheState, errand: Errand, value: SharedValue, askedMs: number): Loaded {
  const { bytes, freshMs, staleForMs, lsn } = value
  const { value: decoded, isShareable } = decode(bytes)
  const loaded: Loaded = {
    value: isShareable ? decoded : undefined,
    bytes: isShareable ? undefined : Buffer.from(bytes),
    stored: bytes,
    plainBytes: bytes.length,
    isShareable,
    lsn,
    durationMs: 0,
    // How long it is fresh is told beside it.
    ttlMs: undefined,
    isNone: false,
  }
  keep(state, errand, { loaded, freshMs, staleForMs, askedMs })
  return loaded
}

interface Keeping {
  readonly loaded: Loaded
  readonly freshMs: number
  readonly staleForMs: number
  readonly askedMs: number
}

/** Whether a copy was kept: not of what was invalidated on its way, and not in doubt. */
function keep(state: CacheState, { request, flight }: Errand, { loaded, ...times }: Keeping): boolean {
  if (flight.isInvalidated || !state.isSound(flight.epoch)) return false
  const { freshMs, staleForMs, askedMs } = times
  state.local.set(request.local, {
    namespace: request.call.namespace,
    value: loaded.value,
    bytes: loaded.bytes,
    sizeBytes: sizeOf(loaded.plainBytes, loaded.isShareable),
    marks: flight.marks,
    freshUntilMs: askedMs + freshMs,
    keepUntilMs: askedMs + freshMs + staleForMs,
    copiedAtMs: askedMs,
    aheadFromMs: request.call.refreshAhead ? askedMs + freshMs * aheadShare : Infinity,
    lsn: loaded.lsn,
    hits: 0,
  })
  return true
}

function serve({ value, bytes, lsn }: Loaded): Served {
  return { value, bytes, lsn, token: undefined, position: undefined }
}
