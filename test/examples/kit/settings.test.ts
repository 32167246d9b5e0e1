// What a process takes from its environment: usual where nothing is said, refused by its name where it cannot be meant.

import { readAddress, readList, readSecret, readTokens } from 'pgstrata-example-kit'
import { expect, test } from 'vitest'

test('an address is that of the environment, or the usual one', () => {
  expect(readAddress({}, { usualPort: 3_001 })).toEqual({ host: '127.0.0.1', port: 3_001 })
  expect(readAddress({ HOST: '::', PORT: '0' }, { usualPort: 3_001 })).toEqual({ host: '::', port: 0 })
  for (const PORT of ['-1', '65536', '80.5', 'http'])
    expect(() => readAddress({ PORT }, { usualPort: 1 })).toThrow('PORT: expected a whole number from 0 to 65535')
})

test('a secret that is short is refused, and not repeated', () => {
  const secret = 'x'.repeat(32)
  expect(readSecret({}, 'APP_SECRET')).toBeUndefined()
  expect(readSecret({ APP_SECRET: secret }, 'APP_SECRET')).toBe(secret)
  expect(() => readSecret({ APP_SECRET: secret.slice(1) }, 'APP_SECRET')).toThrow(
    /^APP_SECRET: expected at least 32 characters$/,
  )
})

test('tokens that are short are refused, and not repeated', () => {
  const token = 'x'.repeat(16)
  expect(readTokens({}, 'APP_TOKENS')).toEqual([])
  expect(readTokens({ APP_TOKENS: `${token}, ${token}2` }, 'APP_TOKENS')).toEqual([token, `${token}2`])
  expect(() => readTokens({ APP_TOKENS: `${token},${token.slice(1)}` }, 'APP_TOKENS')).toThrow(
    /^APP_TOKENS: expected tokens of at least 16 characters, with commas between them$/,
  )
})

test('a list has commas, and blanks do not count', () => {
  expect(readList({}, 'NAMES')).toEqual([])
  expect(readList({ NAMES: ' a ,, b,' }, 'NAMES')).toEqual(['a', 'b'])
})
