// What a process of the service takes from its environment, beside the servers: those stand in pgstrata.config.ts.

import { readAddress, readSecret, readTokens, type Environment, type ServiceSettings } from 'pgstrata-example-kit'

export interface WedefiSettings extends ServiceSettings {
  /** Of those who write balances and prices. */
  readonly operators: readonly string[]
  /** Of those who may manage over HTTP. */
  readonly manageTokens: readonly string[]
}

export const secretName = 'WEDEFI_SECRET'

export function readSettings(env: Environment): WedefiSettings {
  return {
    ...readAddress(env, { usualPort: 3004 }),
    operators: readTokens(env, 'WEDEFI_OPERATORS'),
    manageTokens: readTokens(env, 'WEDEFI_MANAGE_TOKENS'),
    secret: readSecret(env, secretName),
  }
}
