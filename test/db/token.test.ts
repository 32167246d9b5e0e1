import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isStrataError } from '../../src/base/errors.ts'
import { createTokenSigner, formatToken, mergeTokens, parseToken, type Token } from '../../src/db/token.ts'
import { checkProperty } from '../support/property.ts'

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const timelines = fc.integer({ min: 1, max: 2 ** 32 - 1 })
const tokens: fc.Arbitrary<Token> = fc.record({ systemId: uint64.map(String), timeline: timelines, lsn: uint64 })
/** Of one cluster, and near enough to one another to be equal in parts. */
const near: fc.Arbitrary<Token> = fc.record({
  systemId: fc.constant('7'),
  timeline: fc.integer({ min: 1, max: 3 }),
  lsn: fc.bigInt({ min: 0n, max: 3n }),
})

const least: Token = { systemId: '0', timeline: 1, lsn: 0n }
const greatest: Token = { systemId: String(2n ** 64n - 1n), timeline: 2 ** 32 - 1, lsn: 2n ** 64n - 1n }
const some: Token = { systemId: '7381234567890123456', timeline: 3, lsn: 0x16_b374d848n }
const secrets = ['a secret of more than 32 characters', 'another one of more than 32 characters']

const refusal = expect.objectContaining({ code: 'TOKEN_INVALID', status: 400, message: 'A token was refused' })

describe('the text of a token', () => {
  test('comes back as the token it was, in characters that go anywhere', async () => {
    await checkProperty(
      'tokens',
      tokens,
      (token) => {
        const text = formatToken(token)
        expect(parseToken(text)).toEqual(token)
        expect(text).toMatch(/^1\.[\da-z.]{1,35}$/)
      },
      { examples: [[least], [greatest]] },
    )
    expect(formatToken(least)).toBe('1.0.1.0')
    expect(formatToken(greatest)).toHaveLength(37)
  })

  test('is refused unless it is exactly what is written', () => {
    const text = formatToken(some)
    const wrong = [
      '',
      '1',
      '1.',
      '1.7.1',
      '1.7.1.',
      '1..1.0',
      '3.7.1.0',
      '01.7.1.0',
      '1.7.0.0',
      '1.07.1.0',
      '1.7.1.0.0',
      '1.7.1.-1',
      '1.7.1.0\n',
      ' 1.7.1.0',
      '1.7.1.ü',
      text.toUpperCase(),
      `1.3w5e11264sgsg.1.0`,
      `1.7.1z141z4.0`,
      `1.7.1.3w5e11264sgsg`,
      `1.7.1.${'1'.repeat(14)}`,
      `1.7.1.${'1'.repeat(1_000_000)}`,
    ]
    for (const each of wrong) expect(() => parseToken(each), each.slice(0, 40)).toThrow(refusal)
    for (let end = text.lastIndexOf('.') + 1; end > 0; end--)
      expect(() => parseToken(text.slice(0, end))).toThrow(refusal)
  })

  test('says whether there is more behind it than is known', () => {
    const unsettled: Token = { ...some, isUnsettled: true }
    expect(formatToken(unsettled)).toBe(formatToken(some).replace(/^1/, '2'))
    expect(parseToken(formatToken(unsettled))).toEqual(unsettled)
    expect(mergeTokens(some, unsettled)).toEqual(unsettled)
    expect(mergeTokens({ ...some, timeline: some.timeline + 1 }, unsettled)?.isUnsettled).toBe(true)
  })

  test('is not made of what is no token', () => {
    const wrong: Partial<Token>[] = [
      { systemId: 'abc' },
      { systemId: '' },
      { systemId: '-1' },
      { systemId: String(2n ** 64n) },
      { timeline: 0 },
      { timeline: 1.5 },
      { timeline: 2 ** 32 },
      { timeline: Number.NaN },
      { lsn: -1n },
      { lsn: 2n ** 64n },
    ]
    for (const part of wrong)
      expect(() => formatToken({ ...some, ...part })).toThrow(expect.objectContaining({ code: 'VALUE_INVALID' }))
  })
})

describe('merging', () => {
  test('takes the higher timeline, then the greater position', () => {
    const old = { ...some, timeline: 2, lsn: some.lsn + 1n }
    const further = { ...some, lsn: some.lsn + 1n }
    expect(mergeTokens(old, some)).toEqual(some)
    expect(mergeTokens(further, some)).toEqual(further)
    expect(mergeTokens(undefined, some)).toEqual(some)
    expect(mergeTokens(some, undefined)).toEqual(some)
    expect(mergeTokens(undefined, undefined)).toBeUndefined()
  })

  test('is a monotone maximum', async () => {
    const maybe = fc.option(near, { nil: undefined })
    await checkProperty('merging', fc.tuple(maybe, maybe, maybe), ([a, b, c]) => {
      expect(mergeTokens(a, b)).toEqual(mergeTokens(b, a))
      expect(mergeTokens(mergeTokens(a, b), c)).toEqual(mergeTokens(a, mergeTokens(b, c)))
      expect(mergeTokens(a, a)).toEqual(a)
      const merged = mergeTokens(a, b)
      expect([a, b]).toContainEqual(merged)
      expect(mergeTokens(merged, a)).toEqual(merged)
      expect(mergeTokens(merged, b)).toEqual(merged)
      // Whoever adds to one side never gets less.
      expect(mergeTokens(mergeTokens(merged, c), merged)).toEqual(mergeTokens(merged, c))
    })
  })

  test('refuses tokens of two clusters', () => {
    const foreign = { ...some, systemId: '8' }
    expect(() => mergeTokens(some, foreign)).toThrow(expect.objectContaining({ code: 'TOKEN_FOREIGN', status: 409 }))
  })
})

describe('a signed token', () => {
  const signer = createTokenSigner(secrets)

  test('is verified as what was signed', async () => {
    await checkProperty('signed tokens', tokens, (token) => {
      expect(signer.verify(signer.sign(token))).toEqual(token)
    })
    expect(signer.sign(greatest)).toHaveLength(81)
  })

  test('is refused after a change of any one character, and when anything is missing or too much', async () => {
    const text = signer.sign(some)
    const alphabet = ['A', 'B', 'Z', 'a', 'b', 'z', '0', '1', '9', '-', '_', '.', '=', ' ', '\0', 'é', '😀']
    for (const [index, own] of text.split('').entries()) {
      for (const other of alphabet.filter((each) => each !== own))
        expect(() => signer.verify(text.slice(0, index) + other + text.slice(index + 1))).toThrow(refusal)
      expect(() => signer.verify(text.slice(0, index))).toThrow(refusal)
      expect(() => signer.verify(text.slice(0, index) + text.slice(index + 1))).toThrow(refusal)
    }
    // The last character carries 4 of its 6 bits: as bytes, some that differ are the same.
    const base64url = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const accepted = base64url.split('').filter((last) => {
      try {
        return signer.verify(text.slice(0, -1) + last) !== undefined
      } catch (error) {
        return !isStrataError(error, 'TOKEN_INVALID')
      }
    })
    expect(accepted).toEqual([text.at(-1)])
    for (const more of ['=', 'A', '.', '\n', text]) expect(() => signer.verify(text + more)).toThrow(refusal)
    const positions = fc.tuple(tokens, fc.nat(), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }))
    await checkProperty('forged tokens', positions, ([token, at, character]) => {
      const signed = signer.sign(token)
      const index = at % signed.length
      const forged = signed.slice(0, index) + character + signed.slice(index + 1)
      if (forged !== signed) expect(() => signer.verify(forged)).toThrow(refusal)
    })
  })

  test('is not to be had from another secret, another purpose or another token', () => {
    const text = formatToken(some)
    const stranger = createTokenSigner(['a secret that is not one of the others'])
    const plain = createHmac('sha256', secrets[0] ?? '')
      .update(text)
      .digest('base64url')
    const [signature = ''] = signer.sign(some).split('.').slice(-1)
    for (const forged of [stranger.sign(some), `${text}.${plain}`, `${formatToken(greatest)}.${signature}`, text, ''])
      expect(() => signer.verify(forged)).toThrow(refusal)
  })

  test('is refused without being shown', () => {
    const forged = `${formatToken(some)}.${'A'.repeat(43)}`
    try {
      signer.verify(forged)
      expect.unreachable()
    } catch (error) {
      expect(isStrataError(error, 'TOKEN_INVALID')).toBe(true)
      expect(JSON.stringify(error) + String(error)).not.toContain(formatToken(some))
    }
  })

  test('outlives a change of secrets as long as its own is among them', () => {
    const [first = '', second = ''] = secrets
    const old = createTokenSigner([second]).sign(some)
    expect(signer.verify(old)).toEqual(some)
    expect(signer.sign(some)).toBe(createTokenSigner([first]).sign(some))
    expect(() => createTokenSigner([first]).verify(old)).toThrow(refusal)
  })

  test('takes a secret of at least 32 characters, which no message shows', () => {
    const short = 'x'.repeat(31)
    expect(() => createTokenSigner([])).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    for (const list of [[''], [short], [secrets[0] ?? '', short]])
      expect(() => createTokenSigner(list)).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.not.stringContaining(short) as string }),
      )
    const signer = createTokenSigner(['x'.repeat(32)])
    expect(signer.verify(signer.sign(some))).toEqual(some)
  })
})
