// A wallet as sign-in knows it, and what is refused to it.

import { HttpError } from 'pgstrata-example-kit'

export interface KnownWallet {
  readonly address: string
  readonly display_name: string | null
  readonly status: 'active' | 'suspended' | 'banned'
  /** Counts sign-outs. */
  readonly token_epoch: number
}

/** Who asks, and may. */
export type SignedIn = Pick<KnownWallet, 'address' | 'display_name' | 'status'>

export function requireActive({ status }: Pick<KnownWallet, 'status'>): void {
  if (status === 'active') return
  const code = status === 'banned' ? 'WALLET_BANNED' : 'WALLET_SUSPENDED'
  throw new HttpError({ status: 403, code, message: `This wallet is ${status}: it may not take part` })
}
