// Addresses and signatures: what others have published comes out the same, and of what is no signature of a text, or not the one that is
// taken, nobody's wallet is recovered.

import { secp256k1 } from '@noble/curves/secp256k1.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { signText } from '../../../examples/sessions/src/demo/signing.ts'
import { addressOf, checksumAddress, readAddress } from '../../../examples/sessions/src/wallets/address.ts'
import { signInMessage } from '../../../examples/sessions/src/wallets/message.ts'
import { recoverSigner, textDigest } from '../../../examples/sessions/src/wallets/signature.ts'
import { checkProperty } from '../../support/property.ts'

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replace(/^0x/, ''), 'hex'))
const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString('hex')}`
const keyOf = (number: bigint): Uint8Array => bytesOf(number.toString(16).padStart(64, '0'))
const walletOf = (key: Uint8Array): string => addressOf(secp256k1.getPublicKey(key, false))

test.each([
  [1n, '0x7e5f4552091a69125d5dfcb7b8c2659029395bdf'],
  [2n, '0x2b5ad5c4795c026514f8317c7a215e218dccd6cf'],
  [3n, '0x6813eb9362372eef6200f3b1dbc3f819671cba69'],
])('the address of private key %s', (key, address) => expect(walletOf(keyOf(key))).toBe(address))

test.each([
  '0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed',
  '0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359',
  '0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB',
  '0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb',
])('%s as EIP-55 writes it', (address) => expect(checksumAddress(address.toLowerCase())).toBe(address))

test('an address is read in any case, and what is none is not', () => {
  expect(readAddress('0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED')).toBe('0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed')
  for (const none of ['', '0x', `0x${'0'.repeat(39)}`, `0x${'0'.repeat(41)}`, `0x${'g'.repeat(40)}`, '0'.repeat(42)])
    expect(readAddress(none)).toBeUndefined()
})

/** As the documentation of web3.js has it. */
const published = {
  text: 'Some data',
  key: bytesOf('0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318'),
  address: '0x2c7536e3605d9c16a7a3d7b1898e529396a65c23',
  digest: '0x1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655',
  signature:
    '0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c',
}

test('what was published of a text, its hash and its signature', () => {
  expect(walletOf(published.key)).toBe(published.address)
  expect(hexOf(textDigest(published.text))).toBe(published.digest)
  expect(signText(published.text, published.key)).toBe(published.signature)
  expect(recoverSigner(published.text, published.signature)).toBe(published.address)
})

const { text, signature, address } = published
const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const part = (from: number, to: number): string => signature.slice(2 + from * 2, 2 + to * 2)
const [r, s, v] = [part(0, 32), part(32, 64), part(64, 65)]
const numberHex = (number: bigint): string => number.toString(16).padStart(64, '0')

describe('a signature that is none', () => {
  test.each([
    ['empty', ''],
    ['no hexadecimal digits', `0x${'z'.repeat(130)}`],
    ['without 0x', signature.slice(2)],
    ['a byte short', signature.slice(0, -2)],
    ['a byte long', `${signature}00`],
    ['compact, as EIP-2098 has it', `0x${r}${s}`],
    ['r of nothing', `0x${numberHex(0n)}${s}${v}`],
    ['s of nothing', `0x${r}${numberHex(0n)}${v}`],
    ['r beyond the order', `0x${numberHex(order)}${s}${v}`],
    ['s beyond the order', `0x${r}${numberHex(order)}${v}`],
    ['of a transaction of chain 1', `0x${r}${s}26`],
    ['of a transaction of chain 137', `0x${r}${s}ff`],
    ['with a v that nothing has', `0x${r}${s}02`],
    ['with the other s, which would verify as well', `0x${r}${numberHex(order - BigInt(`0x${s}`))}1b`],
    ['of no point of the curve', `0x${numberHex(5n)}${s}${v}`],
  ])('%s', (_, given) => expect(recoverSigner(text, given)).toBeUndefined())

  test('the other s is a signature of the same key, and so it has to be refused', () => {
    const other = new secp256k1.Signature(BigInt(`0x${r}`), order - BigInt(`0x${s}`), 0)
    expect(addressOf(other.recoverPublicKey(textDigest(text)).toBytes(false))).toBe(address)
  })
})

test('v of 0 and 1, as some hardware writes it, is that of 27 and 28', () => {
  expect(recoverSigner(text, `0x${r}${s}01`)).toBe(address)
  expect(recoverSigner(text, `0x${r}${s}00`)).not.toBe(address)
})

test('another text, another chain, another site and another nonce are signed by nobody', () => {
  const message = signInMessage({ site: 'https://a.example', address, nonce: '65000000'.padEnd(40, '0') })
  const signed = signText(message, published.key)
  expect(recoverSigner(message, signed)).toBe(address)
  for (const other of [
    message.replace('Chain ID: 1', 'Chain ID: 137'),
    message.replaceAll('a.example', 'b.example'),
    message.replace('Nonce: 6', 'Nonce: 7'),
    `${message}\n`,
  ]) {
    expect(other).not.toBe(message)
    expect(recoverSigner(other, signed)).not.toBe(address)
  }
})

test('the message is as EIP-4361 has it', () => {
  const nonce = `${(1_700_000_000).toString(16)}${'ab'.repeat(16)}`
  expect(signInMessage({ site: 'https://a.example', address, nonce }).split('\n')).toEqual([
    'a.example wants you to sign in with your Ethereum account:',
    '0x2c7536E3605D9C16a7a3D7b1898e529396a65c23',
    '',
    'Sign in to sessions. It costs nothing and sends nothing.',
    '',
    'URI: https://a.example',
    'Version: 1',
    'Chain ID: 1',
    `Nonce: ${nonce}`,
    'Issued At: 2023-11-14T22:13:20.000Z',
    'Expiration Time: 2023-11-14T22:18:20.000Z',
  ])
})

const hexDigits = (length: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes).toString('hex'))

test('whatever text a key signs is recovered as its own, and with any bit changed as nobody’s or another’s', async () => {
  await checkProperty(
    'signatures',
    fc.tuple(fc.string({ unit: 'binary' }), fc.bigInt({ min: 1n, max: order - 1n }), fc.nat({ max: 519 })),
    ([signedText, number, bit]) => {
      const key = keyOf(number)
      // A text of half a pair of UTF-16 has no bytes of its own.
      fc.pre(signedText === Buffer.from(signedText).toString())
      const whole = bytesOf(signText(signedText, key))
      expect(recoverSigner(signedText, hexOf(whole))).toBe(walletOf(key))
      const changed = whole.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
      expect(recoverSigner(signedText, hexOf(changed))).not.toBe(walletOf(key))
    },
    { runs: 20 },
  )
})

test('nothing that is thrown at it throws', async () => {
  await checkProperty(
    'what is no signature',
    fc.oneof(
      fc.string(),
      hexDigits(65).map((digits) => `0x${digits}`),
    ),
    (given) => {
      const signer = recoverSigner(text, given)
      expect(signer === undefined || readAddress(signer) === signer).toBe(true)
    },
    { runs: 100 },
  )
})
