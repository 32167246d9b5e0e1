// Tells of events until none is due.
//
// Promises: every event that is there gets to its receiver at least once, or is given up as outbox.ts says. An event is acknowledged only behind the
// receiver's answer, so a process that dies between the two has it delivered again, under the same key. An attempt ends well within its lease, so
// two deliverers do not tell the same thing at once unless one of them stood still.

import type { Queryable } from 'pgstrata'
import { messageOf } from './message.ts'
import { acknowledge, refuse, takeEvents, type TakenEvent } from './outbox.ts'
import type { Send } from './sender.ts'

export interface DeliverChoice {
  readonly send: Send
  /** Of one attempt; the lease is six times as long. */
  readonly timeoutMs?: number
  readonly atOnce?: number
  /** Once it fires nothing more is taken, and attempts under way end as failed. */
  readonly signal?: AbortSignal | undefined
}

export interface Delivered {
  readonly delivered: number
  /** Attempts that failed and come again. */
  readonly failed: number
  readonly givenUp: number
}

export async function deliverEvents(on: Queryable, choice: DeliverChoice): Promise<Delivered> {
  const { timeoutMs = 10_000, atOnce = 8, signal } = choice
  const sum = { delivered: 0, failed: 0, givenUp: 0 }
  while (signal?.aborted !== true) {
    const { events, lost } = await takeEvents(on, { limit: atOnce, leaseMs: timeoutMs * 6 })
    sum.givenUp += lost
    const told = await Promise.allSettled(events.map((event) => tell(on, event, { ...choice, timeoutMs })))
    for (const one of told) if (one.status === 'fulfilled') sum[one.value]++
    // What could not be noted comes again when its lease is over; the others are not held up by it.
    const fault = told.find(({ status }) => status === 'rejected')
    if (fault?.status === 'rejected') throw fault.reason
    if (events.length + lost < atOnce) break
  }
  return sum
}

async function tell(
  on: Queryable,
  event: TakenEvent,
  { send, timeoutMs, signal }: DeliverChoice & { readonly timeoutMs: number },
): Promise<keyof Delivered> {
  const timeout = AbortSignal.timeout(timeoutMs)
  const sent = await send(messageOf(event), {
    signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
  })
  if (sent.isTaken) {
    await acknowledge(on, event)
    return 'delivered'
  }
  const { isGivenUp } = await refuse(on, event, sent)
  return isGivenUp ? 'givenUp' : 'failed'
}
