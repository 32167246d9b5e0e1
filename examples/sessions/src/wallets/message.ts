// The text that a wallet is asked to sign (EIP-4361): who asks, for which address, until when. Whoever signs it for another site, another
// chain or another wallet has signed another text.
//
// What must be true: the same nonce gives the same text, in every process: its first eight digits are the second it was made in.

import { checksumAddress } from './address.ts'

export interface SignInMessage {
  /** Where people sign in: `https://sessions.example`. */
  readonly site: string
  readonly address: string
  readonly nonce: string
}

/** The main network, which every wallet knows. Nothing is sent to it. */
const chainId = 1
const nonceLifeMs = 5 * 60_000

export function signInMessage({ site, address, nonce }: SignInMessage): string {
  const issuedMs = Number.parseInt(nonce.slice(0, 8), 16) * 1_000
  return [
    `${new URL(site).host} wants you to sign in with your Ethereum account:`,
    checksumAddress(address),
    '',
    'Sign in to sessions. It costs nothing and sends nothing.',
    '',
    `URI: ${site}`,
    'Version: 1',
    `Chain ID: ${chainId}`,
    `Nonce: ${nonce}`,
    `Issued At: ${new Date(issuedMs).toISOString()}`,
    `Expiration Time: ${new Date(issuedMs + nonceLifeMs).toISOString()}`,
  ].join('\n')
}
