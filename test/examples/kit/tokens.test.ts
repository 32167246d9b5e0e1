// A bearer token out of a list, and nothing else.

import { expect, test } from 'vitest'
import { holdsToken } from '../../../examples/kit/src/index.ts'

const tokens = ['one', 'two words']

test.each([
  ['Bearer one', true],
  ['bearer one', true],
  ['Bearer two words', true],
  ['Bearer On', false],
  ['Bearer one ', false],
  ['Bearer ', false],
  ['Basic one', false],
  ['one', false],
  ['', false],
  [undefined, false],
])('%s', (authorization, holds) => {
  expect(holdsToken(tokens, authorization)).toBe(holds)
})

test('without tokens nobody holds one', () => {
  expect(holdsToken([], 'Bearer ')).toBe(false)
  expect(holdsToken(new Set(), 'Bearer one')).toBe(false)
})
