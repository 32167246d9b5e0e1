// What a write hands to later reads: which cluster, which timeline, how far its WAL had come. A reader that holds a token
// never sees an older database. Pure; a token holds nothing of the data, and whoever reads one learns only how far the
// WAL had come. A token from outside is trusted only when it is signed: an invented one could send every read to the
// primary. A refusal says the same whatever was wrong, and never the token.

import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'
import { StrataError } from '../base/errors.ts'
import type { Lsn } from './lsn.ts'

export interface Token {
  /** system_identifier of pg_control_system(): 64 bits without sign, in decimal. */
  readonly systemId: string
  /** From 1. */
  readonly timeline: number
  readonly lsn: Lsn
  /** There is more behind it whose position is not known: only the primary has it for certain. */
  readonly isUnsettled?: true
}

const maxUint32 = 2n ** 32n - 1n
const maxUint64 = 2n ** 64n - 1n

const number = '(0|[1-9a-z][0-9a-z]{0,12})'
/** '1': as it says; '2': unsettled. */
const tokenForm = new RegExp(`^([12])\\.${number}\\.${number}\\.${number}$`)

/** '1.<system>.<timeline>.<lsn>', numbers in base 36: safe in a URL, a cookie and a header. At most 37 characters. */
export function formatToken(token: Token): string {
  const systemId = /^\d{1,20}$/.test(token.systemId) ? BigInt(token.systemId) : -1n
  const timeline = Number.isInteger(token.timeline) ? BigInt(token.timeline) : -1n
  if (!areInRange(systemId, timeline, token.lsn))
    throw new StrataError('VALUE_INVALID', {
      message: 'A token cannot be written',
      expected: 'a system identifier and a position of 64 bits and a timeline of 32 bits, from 1',
    })
  return [
    token.isUnsettled === true ? '2' : '1',
    systemId.toString(36),
    timeline.toString(36),
    token.lsn.toString(36),
  ].join('.')
}

/** Takes exactly what `formatToken` writes, so that one token has one text. */
export function parseToken(text: string): Token {
  const [, form, ...parts] = tokenForm.exec(text) ?? []
  const [systemId = -1n, timeline = -1n, lsn = -1n] = parts.map(parseBase36)
  if (!areInRange(systemId, timeline, lsn)) throw refuse()
  return {
    systemId: systemId.toString(),
    timeline: Number(timeline),
    lsn,
    ...(form === '2' ? { isUnsettled: true } : {}),
  }
}

function parseBase36(digits: string): bigint {
  let value = 0n
  for (const digit of digits) value = value * 36n + BigInt(Number.parseInt(digit, 36))
  return value
}

function areInRange(systemId: bigint, timeline: bigint, lsn: bigint): boolean {
  const isUint64 = (value: bigint): boolean => value >= 0n && value <= maxUint64
  return isUint64(systemId) && timeline >= 1n && timeline <= maxUint32 && isUint64(lsn)
}

function refuse(): StrataError {
  return new StrataError('TOKEN_INVALID', { message: 'A token was refused' })
}

/**
 * The later of two. The higher timeline wins whatever the positions: a promotion begins a timeline at a position of the
 * old one, and what the old timeline wrote behind that position is lost to the cluster; no server can show it any more.
 * What it wrote before is part of the new timeline, whose tokens all stand behind the switch. So the newer token
 * stands for all that is left of the older one. An older token by itself is answered by the primary alone: only there is
 * it certain that the whole history is present.
 */
export function mergeTokens(a: Token | undefined, b: Token | undefined): Token | undefined {
  if (a === undefined || b === undefined) return a ?? b
  if (a.systemId !== b.systemId)
    throw new StrataError('TOKEN_FOREIGN', { message: 'Two tokens come from different database clusters' })
  const later = a.timeline === b.timeline ? (a.lsn >= b.lsn ? a : b) : a.timeline > b.timeline ? a : b
  return a.isUnsettled === true || b.isUnsettled === true ? { ...later, isUnsettled: true } : later
}

export interface TokenSigner {
  sign(token: Token): string
  verify(text: string): Token
}

const minSecretLength = 32
const domain = 'pgstrata token 1\0'
const signedForm = /^([0-9a-z.]{1,37})\.([\w-]{43})$/

/**
 * The token's text, a dot, and its HMAC-SHA-256. The first secret signs, all verify: put a new one in front, and take the
 * old one away when no client holds a token of it any more. A signature has no expiry: an old token only asks for a
 * database that is at least that old, which every server has long been, so to replay one gains nothing. The cookie's
 * max-age is what ends it at the client.
 */
export function createTokenSigner(secrets: readonly string[]): TokenSigner {
  const [first, ...others] = secrets.map(readSecret)
  if (first === undefined)
    throw new StrataError('CONFIG_INVALID', { message: 'Tokens cannot be signed', expected: 'at least one secret' })
  const keys = [first, ...others]
  return {
    sign: (token) => {
      const text = formatToken(token)
      return `${text}.${computeSignature(first, text)}`
    },
    verify: (signed) => {
      const [, text, signature] = signedForm.exec(signed) ?? []
      if (text === undefined || signature === undefined) throw refuse()
      // The signature is compared as text: decoded, several texts would stand for the same 32 bytes.
      const given = Buffer.from(signature)
      const matches = keys.filter((key) => timingSafeEqual(given, Buffer.from(computeSignature(key, text))))
      if (matches.length === 0) throw refuse()
      return parseToken(text)
    },
  }
}

function readSecret(secret: string): KeyObject {
  if (secret.length < minSecretLength)
    throw new StrataError('CONFIG_INVALID', {
      message: 'A secret that signs tokens is too short',
      expected: `at least ${minSecretLength} characters`,
      got: `${secret.length}`,
      advice: 'Make one with `openssl rand -base64 32`.',
    })
  return createSecretKey(secret, 'utf8')
}

function computeSignature(key: KeyObject, text: string): string {
  return createHmac('sha256', key).update(domain).update(text).digest('base64url')
}
