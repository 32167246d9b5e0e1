// Signatures of texts, as wallets make them with personal_sign (EIP-191), and whose they are.
//
// Promises: of one text and one key there is one signature that is taken: 65 bytes, the smaller of the two possible s, v of 27 or 28 (or 0
// and 1, as some hardware writes it). Every other one is none, and so is one that recovers no point. Nothing is thrown.

import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { addressOf } from './address.ts'

const form = /^0x[0-9a-fA-F]{130}$/

/** Beyond 28 stands the number of a chain: that is a transaction, and no text. */
const recoveryOf: Readonly<Record<number, number>> = { 0: 0, 1: 1, 27: 0, 28: 1 }

/** What is signed of a text: with its length in bytes, and what no transaction begins with. */
export function textDigest(text: string): Uint8Array {
  const bytes = utf8ToBytes(text)
  return keccak_256(concatBytes(utf8ToBytes(`\u0019Ethereum Signed Message:\n${bytes.length}`), bytes))
}

/** The address of the wallet that signed the text, in lower case; undefined: that is no signature of it. */
export function recoverSigner(text: string, signature: string): string | undefined {
  if (!form.test(signature)) return undefined
  const bytes = hexToBytes(signature.slice(2))
  const recovery = recoveryOf[bytes[64] ?? -1]
  if (recovery === undefined) return undefined
  try {
    const read = secp256k1.Signature.fromBytes(bytes.subarray(0, 64), 'compact').addRecoveryBit(recovery)
    if (read.hasHighS()) return undefined
    return addressOf(read.recoverPublicKey(textDigest(text)).toBytes(false))
  } catch {
    // Numbers out of range, or of no point of the curve.
    return undefined
  }
}
