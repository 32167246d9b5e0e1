// The wallets of the demonstration: their private keys follow from their names, so everybody knows them. Only `npm start` makes use of them,
// on data of its own: whoever serves others leaves them out.

import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { addressOf } from '../wallets/address.ts'

export interface DemoWallet {
  readonly name: string
  /** In lower case. */
  readonly address: string
  readonly privateKey: Uint8Array
}

const names = ['Ines Demo', 'Jiro Demo', 'Kofi Demo', 'Lena Demo', 'Mara Demo', 'Nils Demo'] as const

/** The first one is the demonstration's moderator. */
export function createDemoWallets(): readonly DemoWallet[] {
  return names.map((name) => {
    const privateKey = keccak_256(utf8ToBytes(`pgstrata sessions, demonstration: ${name}`))
    return { name, address: addressOf(secp256k1.getPublicKey(privateKey, false)), privateKey }
  })
}
