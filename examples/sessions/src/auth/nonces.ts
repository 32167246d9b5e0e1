// Nonces: each is for one wallet, for five minutes, and for one sign-in.
//
// Promises: of any number of uses at once one succeeds. What follows from it is in the same statement, so a nonce is never used for nothing
// but a lost answer: then the client asks for another. A wrong signature uses nothing up, and asks nothing of the database.

import { randomBytes } from 'node:crypto'
import { HttpError } from 'pgstrata-example-kit'
import type { Query } from '../db/query.ts'
import { issueNonce, nonceState, useNonce } from '../db/statements/signing-in.ts'
import { signInMessage } from '../wallets/message.ts'
import { recoverSigner } from '../wallets/signature.ts'
import type { KnownWallet } from './wallet.ts'

export interface Challenge {
  readonly nonce: string
  /** To be signed with personal_sign. */
  readonly message: string
  readonly expires_at: Date
}

export interface Proof {
  /** In lower case. */
  readonly address: string
  readonly nonce: string
  readonly signature: string
}

export async function challenge(
  query: Query,
  { site, address }: { readonly site: string; readonly address: string },
): Promise<Challenge> {
  const random = randomBytes(16).toString('hex')
  const { rows } = await query<{ nonce: string; expires_at: Date }>(issueNonce.text, [address, random])
  const [issued] = rows
  if (issued === undefined) throw new Error('Expected the nonce that was made, got none')
  return { ...issued, message: signInMessage({ site, address, nonce: issued.nonce }) }
}

/** The wallet whose nonce was used now. */
export async function proveWallet(
  query: Query,
  { site, ...proof }: Proof & { readonly site: string },
): Promise<KnownWallet> {
  const { address, nonce, signature } = proof
  if (recoverSigner(signInMessage({ site, address, nonce }), signature) !== address)
    throw refuse(
      'SIGNATURE_INVALID',
      'The signature: expected that of the message of this nonce, by this wallet, made with personal_sign',
    )
  const { rows } = await query<KnownWallet>(useNonce.text, [nonce, address])
  const [wallet] = rows
  if (wallet !== undefined) return wallet
  throw await whyRefused(query, proof)
}

async function whyRefused(query: Query, { nonce, address }: Proof): Promise<HttpError> {
  const { rows } = await query<{ is_used: boolean; is_expired: boolean }>(nonceState.text, [nonce, address])
  const [state] = rows
  if (state === undefined)
    return refuse(
      'NONCE_UNKNOWN',
      'The nonce: expected one that this wallet was given. Ask for one at POST /auth/nonce',
    )
  return state.is_used
    ? refuse('NONCE_USED', 'This nonce was used: each is for one sign-in. Ask for another at POST /auth/nonce')
    : refuse('NONCE_EXPIRED', 'This nonce is older than five minutes. Ask for another at POST /auth/nonce')
}

function refuse(code: string, message: string): HttpError {
  return new HttpError({ status: 401, code, message })
}
