import { expect, test } from 'vitest'
import { errorTable } from '../../src/base/error-table.ts'
import { isStrataError, messageOf, StrataError } from '../../src/base/errors.ts'

test('an error says what was expected, what was got and what to do', () => {
  const error = new StrataError('VALUE_INVALID', { message: 'Not a quantity', expected: 'a duration', got: '"soon"' })
  expect(error.message).toBe('Not a quantity: expected a duration, got "soon"')
  expect(error.advice).toBe(errorTable.VALUE_INVALID.advice)
  expect([error.exitCode, error.status]).toEqual([3, 400])
  expect(isStrataError(error, 'VALUE_INVALID')).toBe(true)
  expect(isStrataError(error, 'INTERNAL')).toBe(false)
})

test('every entry of the table is whole, and its exit code is neither success nor "something to do"', () => {
  for (const [code, entry] of Object.entries(errorTable)) {
    expect(entry.title, code).toMatch(/\.$/)
    expect(entry.advice.length, code).toBeGreaterThan(10)
    expect([0, 2], code).not.toContain(entry.exit)
    expect(entry.status, code).toBeGreaterThanOrEqual(400)
  }
})

test('an AggregateError without a message is told by its parts', () => {
  expect(
    messageOf(new AggregateError([new Error('connect ECONNREFUSED ::1'), new Error('connect ECONNREFUSED 127.0.0.1')])),
  ).toBe('connect ECONNREFUSED ::1; connect ECONNREFUSED 127.0.0.1')
})
