// What a process of the service takes from its environment.

import { readAddress, readSecret, readTokens, type Environment, type ServiceSettings } from 'pgstrata-example-kit'

export interface MycelixSettings extends ServiceSettings {
  /** Of those who may manage over HTTP. */
  readonly manageTokens: readonly string[]
}

export const secretName = 'MYCELIX_SECRET'

export function readSettings(env: Environment): MycelixSettings {
  const manageTokens = readTokens(env, 'MYCELIX_MANAGE_TOKENS')
  return { ...readAddress(env, { usualPort: 3001 }), manageTokens, secret: readSecret(env, secretName) }
}
