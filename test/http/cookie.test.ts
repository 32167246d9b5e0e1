import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatCookie, readCookies } from '../../src/http/cookie.ts'
import { checkProperty } from '../support/property.ts'

test('values of our name are found among whatever else is there', () => {
  const read = (header: string | undefined): readonly string[] => readCookies(header, 'us', 8)
  expect(read(undefined)).toEqual([])
  expect(read('')).toEqual([])
  expect(read('us=1')).toEqual(['1'])
  expect(read('a=0; us=1;us=2;  us="3"  ;b')).toEqual(['1', '2', '3'])
  expect(read('us; us=; us=""; =us; usa=1; US=1; a=us=1; us =1')).toEqual([])
  expect(read('us=a=b; us="; us="x')).toEqual(['a=b', '"', '"x'])
})

test('no more values are returned than asked for, and no more pairs looked at than a browser sends', () => {
  expect(readCookies('us=1;'.repeat(100), 'us', 8)).toHaveLength(8)
  expect(readCookies(`${'a=1;'.repeat(100_000)}us=1`, 'us', 8)).toEqual([])
})

test('a value that stands in any header comes out of it', async () => {
  const junk = fc.array(
    fc.string().filter((text) => !text.trim().startsWith('us=') && !text.includes(';')),
    {
      maxLength: 20,
    },
  )
  const value = fc.string({ unit: fc.constantFrom('a', 'z', '0', '9', '.', '-', '_'), minLength: 1 })
  await checkProperty('cookie headers', fc.tuple(junk, value, junk), ([before, value, after]) => {
    expect(readCookies([...before, `us=${value}`, ...after].join(';'), 'us', 8)).toEqual([value])
  })
})

test('a line of Set-Cookie says what was chosen', () => {
  const cookie = { name: 'us', maxAge: 5, path: '/', domain: undefined, secure: true, sameSite: 'lax' } as const
  expect(formatCookie(cookie, 'v')).toBe('us=v; Max-Age=5; Path=/; HttpOnly; Secure; SameSite=Lax')
  expect(formatCookie({ ...cookie, path: '/a', domain: 'example.org', secure: false, sameSite: 'strict' }, 'v')).toBe(
    'us=v; Max-Age=5; Domain=example.org; Path=/a; HttpOnly; SameSite=Strict',
  )
})
