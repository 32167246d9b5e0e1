// What a process of the service takes from its environment.

import { isIP } from 'node:net'
import {
  KitError,
  readAddress,
  readList,
  readSecret,
  readTokens,
  type Environment,
  type ServiceSettings,
} from 'pgstrata-example-kit'

export interface SessionsSettings extends ServiceSettings {
  /** Wallet addresses of those who work through reports, in lower case. */
  readonly moderators: readonly string[]
  /** Of those who may manage over HTTP. */
  readonly manageTokens: readonly string[]
  /** Addresses of the reverse proxies in front. */
  readonly proxies: readonly string[]
  /** Where people sign in, as wallets show it: `https://sessions.example`. */
  readonly site?: string
}

export const secretName = 'SESSIONS_SECRET'

export function readSettings(env: Environment): SessionsSettings {
  const manageTokens = readTokens(env, 'SESSIONS_MANAGE_TOKENS')
  const moderators = readList(env, 'SESSIONS_MODERATORS').map((address) => address.toLowerCase())
  if (moderators.some((address) => !/^0x[0-9a-f]{40}$/.test(address)))
    throw new KitError('SESSIONS_MODERATORS: expected addresses of wallets, 0x and 40 digits, with commas between them')
  const proxies = readList(env, 'SESSIONS_PROXIES')
  if (proxies.some((proxy) => !isNetwork(proxy)))
    throw new KitError('SESSIONS_PROXIES: expected addresses of reverse proxies, or networks, with commas between them')
  const site = readSite(env['SESSIONS_SITE'])
  return {
    ...readAddress(env, { usualPort: 3003 }),
    moderators,
    manageTokens,
    proxies,
    secret: readSecret(env, secretName),
    ...(site === undefined ? {} : { site }),
  }
}

/** '10.0.0.7', '10.0.0.0/24', '::1' */
function isNetwork(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  if (most < 0 || more.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most)
}

function readSite(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === '/') return url.origin
  throw new KitError('SESSIONS_SITE: expected where people sign in, such as https://sessions.example')
}
