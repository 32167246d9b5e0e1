// What a process of the service takes from its environment.

import {
  KitError,
  readAddress,
  readList,
  readSecret,
  type Environment,
  type ServiceSettings,
} from 'pgstrata-example-kit'

export interface MycelixSettings extends ServiceSettings {
  /** Of those who may manage over HTTP. */
  readonly manageTokens: readonly string[]
}

export const secretName = 'MYCELIX_SECRET'

export function readSettings(env: Environment): MycelixSettings {
  const manageTokens = readList(env, 'MYCELIX_MANAGE_TOKENS')
  if (manageTokens.some((token) => token.length < 16))
    throw new KitError('MYCELIX_MANAGE_TOKENS: expected tokens of at least 16 characters, with commas between them')
  return { ...readAddress(env, { usualPort: 3001 }), manageTokens, secret: readSecret(env, secretName) }
}
