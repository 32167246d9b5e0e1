// Addresses of wallets. Everywhere but in texts for people they are in lower case, so that one wallet is one row.

import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'

const form = /^0x[0-9a-f]{40}$/

/** In lower case, however it was written; undefined: it is none. */
export function readAddress(text: string): string | undefined {
  const address = text.toLowerCase()
  return form.test(address) ? address : undefined
}

/** Of a public key as 65 bytes: the end of the hash of its two coordinates. */
export function addressOf(publicKey: Uint8Array): string {
  return `0x${bytesToHex(keccak_256(publicKey.subarray(1)).subarray(-20))}`
}

/** As wallets show it: letters are large where the hash of the address says so (EIP-55). */
export function checksumAddress(address: string): string {
  const digits = address.slice(2)
  const hash = bytesToHex(keccak_256(utf8ToBytes(digits)))
  const shown = digits.replaceAll(/[a-f]/g, (letter, at: number) =>
    Number.parseInt(hash.charAt(at), 16) >= 8 ? letter.toUpperCase() : letter,
  )
  return `0x${shown}`
}
