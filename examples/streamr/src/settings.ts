// What a process of the service takes from its environment.

import {
  readAddress,
  readList,
  readSecret,
  readTokens,
  type Environment,
  type ServiceSettings,
} from 'pgstrata-example-kit'

export interface StreamrSettings extends ServiceSettings {
  /** Wallet addresses. */
  readonly operators: readonly string[]
  /** Of those who may manage over HTTP. */
  readonly manageTokens: readonly string[]
}

export const secretName = 'STREAMR_SECRET'

export function readSettings(env: Environment): StreamrSettings {
  const operators = readList(env, 'STREAMR_OPERATORS')
  const manageTokens = readTokens(env, 'STREAMR_MANAGE_TOKENS')
  return { ...readAddress(env, { usualPort: 3002 }), operators, manageTokens, secret: readSecret(env, secretName) }
}
