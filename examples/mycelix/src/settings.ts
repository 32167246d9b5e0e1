// What a process of the service takes from its environment.

import { KitError } from 'pgstrata-example-kit'

export interface ServiceSettings {
  readonly host: string
  readonly port: number
  /** Of those who may manage over HTTP. */
  readonly manageTokens: readonly string[]
  readonly secret: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

const usualPort = 3001

export function readSettings(env: Environment): ServiceSettings {
  const port = Number(env['PORT'] ?? usualPort)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new KitError('PORT: expected a whole number from 0 to 65535')
  const secret = env['MYCELIX_SECRET']
  if (secret !== undefined && secret.length < 32) throw new KitError('MYCELIX_SECRET: expected at least 32 characters')
  const tokens = (env['MYCELIX_MANAGE_TOKENS'] ?? '').split(',').map((token) => token.trim())
  const manageTokens = tokens.filter((token) => token !== '')
  if (manageTokens.some((token) => token.length < 16))
    throw new KitError('MYCELIX_MANAGE_TOKENS: expected tokens of at least 16 characters, with commas between them')
  return { host: env['HOST'] ?? '127.0.0.1', port, manageTokens, secret }
}
