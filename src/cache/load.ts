// One call of a user's loader, bounded in time, and what it gave as bytes.
// On failure: what the loader throws is thrown as it is; CACHE_LOAD_TIMEOUT after `loadTimeout`, and what it gives later
// is dropped. A value that cannot be encoded is refused (VALUE_INVALID); one that is too large is served and not stored.

import type { Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import { maxLsn, type Lsn } from '../db/lsn.ts'
import { decode, encode } from './codec.ts'
import { durationOf, type CacheDuration, type Load, type LoadContext } from './options.ts'

export interface Loaded {
  /** To be given to everybody; where `bytes` is set, each gets its own. */
  readonly value: unknown
  readonly bytes: Buffer | undefined
  /** undefined: too large to be stored. */
  readonly stored: Buffer | undefined
  readonly plainBytes: number
  readonly isShareable: boolean
  readonly lsn: Lsn | undefined
  readonly durationMs: number
  /** What the loader said of it. */
  readonly ttlMs: number | undefined
  /** "There is none", by the value or as the loader said. */
  readonly isNone: boolean
}

export interface LoadRequest {
  readonly load: Load<unknown>
  readonly token: Lsn | undefined
  readonly timeoutMs: number
}

export interface LoadTools {
  readonly clock: Clock
  /** Of the primary, now. undefined: it is not known. */
  readonly position: (() => Promise<Lsn | undefined>) | undefined
  readonly maxEntryBytes: number
}

export async function loadValue(request: LoadRequest, tools: LoadTools): Promise<Loaded> {
  const { clock, maxEntryBytes } = tools
  const startedMs = clock.monotonic()
  // Before the load begins, or it would say nothing of what the load sees. Who cannot tell it, tells nothing.
  const lsn = await tools.position?.().catch(() => undefined)
  let ttlMs: number | undefined
  const setTtl = (ttl: CacheDuration): void => void (ttlMs = durationOf('ttl', ttl))
  let isMarked = false
  const markNone = (): void => void (isMarked = true)
  const value = await callLoader(request, { atLeast: atLeastOf(lsn, request.token), setTtl, markNone, clock })
  const isNone = isMarked || value === null || value === undefined
  const durationMs = clock.monotonic() - startedMs
  const { bytes, plainBytes } = await encode(value)
  if (plainBytes > maxEntryBytes)
    return { value, bytes: undefined, stored: undefined, plainBytes, isShareable: true, lsn, durationMs, ttlMs, isNone }
  const decoded = decode(bytes)
  return {
    value: decoded.isShareable ? decoded.value : undefined,
    bytes: decoded.isShareable ? undefined : bytes,
    stored: bytes,
    plainBytes,
    isShareable: decoded.isShareable,
    lsn,
    durationMs,
    ttlMs,
    isNone,
  }
}

/** A token alone is no floor: what was invalidated may lie behind it, and a replica may not have come so far. */
function atLeastOf(position: Lsn | undefined, token: Lsn | undefined): Lsn | undefined {
  return position === undefined || token === undefined ? position : maxLsn(position, token)
}

async function callLoader(
  { load, timeoutMs }: LoadRequest,
  { clock, ...told }: Omit<LoadContext, 'signal'> & { readonly clock: Clock },
): Promise<unknown> {
  const controller = new AbortController()
  let callOff: (() => void) | undefined
  const late = new Promise<never>((_, reject) => {
    callOff = clock.after(timeoutMs, () => {
      reject(
        new StrataError('CACHE_LOAD_TIMEOUT', {
          message: 'A cached value could not be loaded in time',
          expected: `at most ${timeoutMs} ms`,
        }),
      )
      controller.abort()
    })
  })
  try {
    const loading = Promise.resolve(load({ ...told, signal: controller.signal }))
    loading.catch(() => undefined)
    return await Promise.race([loading, late])
  } finally {
    callOff?.()
  }
}
