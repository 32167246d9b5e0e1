// What a process of the service takes from its environment, beside the servers: those stand in pgstrata.config.ts.

import {
  KitError,
  readAddress,
  readList,
  readSecret,
  type Environment,
  type ServiceSettings,
} from 'pgstrata-example-kit'

export interface WedefiSettings extends ServiceSettings {
  /** Of those who write balances and prices. */
  readonly operators: readonly string[]
  /** Of those who may manage over HTTP. */
  readonly manageTokens: readonly string[]
}

export const secretName = 'WEDEFI_SECRET'

const leastToken = 16

export function readSettings(env: Environment): WedefiSettings {
  return {
    ...readAddress(env, { usualPort: 3004 }),
    operators: readTokens(env, 'WEDEFI_OPERATORS'),
    manageTokens: readTokens(env, 'WEDEFI_MANAGE_TOKENS'),
    secret: readSecret(env, secretName),
  }
}

function readTokens(env: Environment, name: string): readonly string[] {
  const tokens = readList(env, name)
  if (tokens.some((token) => token.length < leastToken))
    throw new KitError(`${name}: expected tokens of at least ${leastToken} characters, with commas between them`)
  return tokens
}
