import { describe, expect, test } from 'vitest'
import { causalListener, causalMiddleware, fastifyCausal, type CarrierOptions } from '../../src/http/index.ts'
import { fakeStrata, secret } from './support.ts'

const strata = fakeStrata()

describe('options are looked at when they are given, not at the first request', () => {
  const wrong: readonly [string, CarrierOptions][] = [
    ['no secret', { secret: [] }],
    ['a short secret', { secret: 'short' }],
    ['a short one of several', { secret: [secret, 'short'] }],
    ['a cookie without a name', { secret, cookie: '' }],
    ['a cookie name with a semicolon', { secret, cookie: 'a;b' }],
    ['a header name with a colon', { secret, header: 'x:y' }],
    ['a header name with a line break', { secret, header: 'x\r\ny' }],
    ['no way at all', { secret, header: false, cookie: false }],
    ['a max-age of zero', { secret, cookieAttributes: { maxAge: 0 } }],
    ['half a second', { secret, cookieAttributes: { maxAge: 0.5 } }],
    ['a path that does not begin', { secret, cookieAttributes: { path: 'app' } }],
    ['a path with a semicolon', { secret, cookieAttributes: { path: '/; Domain=other' } }],
    ['a domain that is none', { secret, cookieAttributes: { domain: 'a b' } }],
    ['SameSite=None without Secure', { secret, cookieAttributes: { sameSite: 'none', secure: false } }],
    ['__Secure- without Secure', { secret, cookie: '__Secure-a', cookieAttributes: { secure: false } }],
    ['__Host- with a domain', { secret, cookie: '__Host-a', cookieAttributes: { domain: 'example.org' } }],
    ['__Host- with a path', { secret, cookie: '__Host-a', cookieAttributes: { path: '/app' } }],
  ]
  test.each(wrong)('%s', (_, options) => {
    const refusal = expect.objectContaining({ code: 'CONFIG_INVALID' })
    expect(() => causalListener(strata, options, () => undefined)).toThrow(refusal)
    expect(() => causalMiddleware(strata, options)).toThrow(refusal)
    expect(() => fastifyCausal(strata, options)).toThrow(refusal)
  })

  test('what is right is taken', () => {
    const right: readonly CarrierOptions[] = [
      { secret },
      { secret: [secret, `${secret}, the old one`], cookie: '__Host-pgstrata' },
      { secret, cookie: '__Secure-p', cookieAttributes: { path: '/app', domain: 'example.org', sameSite: 'none' } },
      { secret, header: false, cookieAttributes: { secure: false, sameSite: 'strict', maxAge: 3_600 } },
    ]
    for (const options of right) expect(causalMiddleware(strata, options)).toBeTypeOf('function')
  })
})
