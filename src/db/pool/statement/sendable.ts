// Values in the form in which they are sent, made before anything is sent. pg makes them while it writes, and where one
// fails it answers twice, the second time as if all were well, and closes the statement it goes on to believe prepared.

import pg from 'pg'

/** One value as text, bytes or null. Throws what its own toPostgres() or toJSON() throws. */
export const prepareValue = (value: unknown): unknown =>
  (pg as unknown as { utils: { prepareValue(value: unknown): unknown } }).utils.prepareValue(value)

/** The same array where there is nothing to make. What is no array is left to pg, which refuses it. */
export function sendable<T>(values: T): T | unknown[] {
  if (!Array.isArray(values)) return values
  const isMade = values.every((value) => value === null || typeof value !== 'object')
  return isMade ? values : values.map(prepareValue)
}
