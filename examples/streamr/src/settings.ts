// What a process of the service takes from its environment.

import { KitError } from 'pgstrata-example-kit'

export interface ServiceSettings {
  readonly host: string
  readonly port: number
  readonly operators: readonly string[]
  readonly secret: string | undefined
}

type Environment = Readonly<Record<string, string | undefined>>

const usualPort = 3002

export function readSettings(env: Environment): ServiceSettings {
  const port = Number(env['PORT'] ?? usualPort)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new KitError('PORT: expected a whole number from 0 to 65535')
  const secret = env['STREAMR_SECRET']
  if (secret !== undefined && secret.length < 32) throw new KitError('STREAMR_SECRET: expected at least 32 characters')
  const operators = (env['STREAMR_OPERATORS'] ?? '').split(',').map((wallet) => wallet.trim())
  return { host: env['HOST'] ?? '127.0.0.1', port, operators: operators.filter((wallet) => wallet !== ''), secret }
}
