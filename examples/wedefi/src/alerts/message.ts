// What a receiver is told, and by what it knows the same thing again: an alert fires once for each episode, so both together are the key, in
// every attempt and from every deliverer.

import type { TakenEvent } from './outbox.ts'

export interface AlertMessage extends Omit<TakenEvent, 'id' | 'attempt' | 'at'> {
  /** The idempotency key. */
  readonly key: string
  readonly at: string
}

const keyOf = ({ alertId, episode }: Pick<TakenEvent, 'alertId' | 'episode'>): string =>
  `wedefi-alert-${alertId}-${episode}`

export function messageOf(event: TakenEvent): AlertMessage {
  const { id: _, attempt: __, at, ...rest } = event
  return { key: keyOf(rest), ...rest, at: at.toISOString() }
}
