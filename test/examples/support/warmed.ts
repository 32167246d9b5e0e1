// What a service asks of itself before its first client does.

import { expect } from 'vitest'

/** All of it is understood, and there: `statuses` of the answers. */
export function expectWarmed(statuses: readonly number[]): void {
  expect(statuses.length).toBeGreaterThan(100)
  expect(new Set(statuses)).toEqual(new Set([200]))
}
