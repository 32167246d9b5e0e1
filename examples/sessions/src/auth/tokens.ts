// Bearer tokens: whose, of which epoch of that wallet, until when; and a code that only who has the secret can make.
//
// Promises: a token that was changed in any bit is none. Codes are compared in constant time. The key is derived for tokens alone, so nothing
// else that is signed with the same secret passes for one.
// What must be true: processes that share the secret have clocks that agree to some seconds.

import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

interface TokenOf {
  /** In lower case. */
  readonly address: string
  readonly epoch: number
}

export interface ReadToken extends TokenOf {
  readonly expiresAt: Date
}

export interface Tokens {
  issue(of: TokenOf): { readonly token: string; readonly expiresAt: Date }
  /** undefined: it is none, or no longer. */
  read(token: string): ReadToken | undefined
}

export interface TokensOptions {
  /** At least 32 characters. */
  readonly secret: string
  /** Default: the clock of the machine. */
  readonly now?: () => number
}

export const tokenLifeMs = 3_600_000
const form = /^v1\.(0x[0-9a-f]{40})\.(\d{1,10})\.(\d{1,12})\.([\w-]{43})$/

export function createTokens({ secret, now = Date.now }: TokensOptions): Tokens {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'sessions: bearer tokens', 32))
  const codeOf = (claims: string): Buffer => createHmac('sha256', key).update(claims).digest()
  return {
    issue: ({ address, epoch }) => {
      const expiresSeconds = Math.floor((now() + tokenLifeMs) / 1_000)
      const claims = `v1.${address}.${epoch}.${expiresSeconds}`
      return { token: `${claims}.${codeOf(claims).toString('base64url')}`, expiresAt: new Date(expiresSeconds * 1_000) }
    },
    read: (token) => {
      const [, address = '', epoch = '', expires = '', code = ''] = form.exec(token) ?? []
      if (code === '') return undefined
      const given = Buffer.from(code, 'base64url')
      const claims = token.slice(0, token.lastIndexOf('.'))
      // What is decoded says less than what was written: 43 letters have two bits too many.
      if (given.toString('base64url') !== code || !timingSafeEqual(given, codeOf(claims))) return undefined
      const expiresAt = new Date(Number(expires) * 1_000)
      return expiresAt.getTime() > now() ? { address, epoch: Number(epoch), expiresAt } : undefined
    },
  }
}
