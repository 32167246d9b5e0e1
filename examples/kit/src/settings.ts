// What a process of a service takes from its environment. A value that cannot be meant is refused, by its name alone.

import { KitError } from './kit-error.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Address {
  readonly host: string
  readonly port: number
}

/** What every service takes. */
export interface ServiceSettings extends Address {
  /** Signs the tokens of sessions. */
  readonly secret: string | undefined
}

const leastSecret = 32
const leastToken = 16

/** HOST and PORT. */
export function readAddress(env: Environment, { usualPort }: { readonly usualPort: number }): Address {
  const port = Number(env['PORT'] ?? usualPort)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new KitError('PORT: expected a whole number from 0 to 65535')
  return { host: env['HOST'] ?? '127.0.0.1', port }
}

/** Of the variable with that name. */
export function readSecret(env: Environment, name: string): string | undefined {
  const secret = env[name]
  if (secret !== undefined && secret.length < leastSecret)
    throw new KitError(`${name}: expected at least ${leastSecret} characters`)
  return secret
}

/** Bearer tokens of people: 'one-of-16-or-more, another-of-16-or-more' */
export function readTokens(env: Environment, name: string): readonly string[] {
  const tokens = readList(env, name)
  if (tokens.some((token) => token.length < leastToken))
    throw new KitError(`${name}: expected tokens of at least ${leastToken} characters, with commas between them`)
  return tokens
}

/** 'a, b' */
export function readList(env: Environment, name: string): readonly string[] {
  const items = (env[name] ?? '').split(',').map((item) => item.trim())
  return items.filter((item) => item !== '')
}
