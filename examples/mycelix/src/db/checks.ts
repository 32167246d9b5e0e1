// What callers say, looked at before it is part of a question. The value itself may be somebody's: of what was wrong its kind is told.

import { StrataError } from 'pgstrata'

/** `what`: 'limit()' */
export function wholeNumber(what: string, value: unknown, most: number = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= most) return value
  throw refused(what, `a whole number from 0 to ${most}`, value)
}

export function someText(what: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value
  throw refused(what, 'text that is not empty', value)
}

export function refused(what: string, expected: string, got: unknown): StrataError {
  return new StrataError('VALUE_INVALID', {
    message: `${what} does not take this`,
    expected,
    got: got === null ? 'null' : typeof got,
  })
}
