// What a process of the service takes from its environment.

import {
  KitError,
  readAddress,
  readList,
  readSecret,
  type Environment,
  type ServiceSettings,
} from 'pgstrata-example-kit'

export interface SessionsSettings extends ServiceSettings {
  /** Wallet addresses of those who work through reports, in lower case. */
  readonly moderators: readonly string[]
  /** Of those who may manage over HTTP. */
  readonly manageTokens: readonly string[]
  /** Where people sign in, as wallets show it: `https://sessions.example`. */
  readonly site?: string
}

export const secretName = 'SESSIONS_SECRET'

export function readSettings(env: Environment): SessionsSettings {
  const manageTokens = readList(env, 'SESSIONS_MANAGE_TOKENS')
  if (manageTokens.some((token) => token.length < 16))
    throw new KitError('SESSIONS_MANAGE_TOKENS: expected tokens of at least 16 characters, with commas between them')
  const moderators = readList(env, 'SESSIONS_MODERATORS').map((address) => address.toLowerCase())
  if (moderators.some((address) => !/^0x[0-9a-f]{40}$/.test(address)))
    throw new KitError('SESSIONS_MODERATORS: expected addresses of wallets, 0x and 40 digits, with commas between them')
  const site = readSite(env['SESSIONS_SITE'])
  return {
    ...readAddress(env, { usualPort: 3003 }),
    moderators,
    manageTokens,
    secret: readSecret(env, secretName),
    ...(site === undefined ? {} : { site }),
  }
}

function readSite(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === '/') return url.origin
  throw new KitError('SESSIONS_SITE: expected where people sign in, such as https://sessions.example')
}
