// What a wallet does with a text that its owner is asked to sign: personal_sign, as EIP-191 has it.

import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { textDigest } from '../wallets/signature.ts'

/** 65 bytes as hexadecimal digits: r, s, and 27 or 28. */
export function signText(text: string, privateKey: Uint8Array): string {
  const signed = secp256k1.sign(textDigest(text), privateKey, { prehash: false, format: 'recovered' })
  const [recovery = 0, ...rest] = signed
  return `0x${bytesToHex(Uint8Array.from([...rest, 27 + recovery]))}`
}
