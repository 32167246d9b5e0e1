// What a process of the service takes from its environment.

import { readAddress, readList, readSecret, type Environment, type ServiceSettings } from 'pgstrata-example-kit'

export interface StreamrSettings extends ServiceSettings {
  /** Wallet addresses. */
  readonly operators: readonly string[]
}

export const secretName = 'STREAMR_SECRET'

export function readSettings(env: Environment): StreamrSettings {
  const operators = readList(env, 'STREAMR_OPERATORS')
  return { ...readAddress(env, { usualPort: 3002 }), operators, secret: readSecret(env, secretName) }
}
