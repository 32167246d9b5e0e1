// Ids and addresses as a random source gives them.

import type { Random } from 'pgstrata-example-kit'

export function uuidOf(random: Random): string {
  const digits = hexOf(random, 32)
  const variant = '89ab'[random.int(4)] ?? '8'
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-${variant}${digits.slice(17, 20)}-${digits.slice(20)}`
}

/** As of a wallet or a contract. */
export function addressOf(random: Random): string {
  return `0x${hexOf(random, 40)}`
}

function hexOf(random: Random, length: number): string {
  let digits = ''
  while (digits.length < length) digits += random.int(4_294_967_296).toString(16).padStart(8, '0')
  return digits.slice(0, length)
}
