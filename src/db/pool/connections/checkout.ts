// A connection leaves the pool in somebody's hands, and comes back from them once.
// One that is taken with a holder and held for long is reported once, with the holder's stack.

import type { Holder, NodePoolOptions } from './node-pool-options.ts'
import { poolState, type PooledClient } from './pooled-client.ts'
import { releasedTwice } from './pool-errors.ts'

export function checkOut(
  client: PooledClient,
  options: NodePoolOptions,
  given: { readonly holder: Holder | undefined; readonly nowMs: number },
): void {
  const { allowExitOnIdle, leakAfterMs } = options
  const state = client[poolState]
  state.phase = 'used'
  state.held = true
  state.checkout++
  if (allowExitOnIdle) client.ref()
  if (given.holder !== undefined && leakAfterMs > 0) watch(client, options, given.holder, given.nowMs)
}

/** Throws when this was done already. */
export function takeBack(client: PooledClient, options: NodePoolOptions, checkout: number | undefined): void {
  const state = client[poolState]
  if (!state.held || (checkout !== undefined && checkout !== state.checkout)) throw releasedTwice(options)
  state.held = false
  if (state.leak === undefined) return
  options.deadlines.remove(state.leak)
  state.leak = undefined
}

function watch(client: PooledClient, options: NodePoolOptions, holder: Holder, sinceMs: number): void {
  const { name, leakAfterMs, deadlines, clock, events } = options
  const state = client[poolState]
  state.leak = deadlines.add(
    leakAfterMs,
    () => {
      state.leak = undefined
      events.leak({ node: name, heldMs: clock.monotonic() - sinceMs, stack: holder.stack ?? '' })
    },
    sinceMs,
  )
}
