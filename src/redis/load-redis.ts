// `redis` (node-redis), an optional package, when it is first needed.
// On failure: DEPENDENCY_MISSING with the command that installs it.

import { StrataError } from '../base/errors.ts'

export type RedisModule = typeof import('redis')

const command = 'npm install redis@6'

export async function loadRedis(): Promise<RedisModule> {
  try {
    return await import('redis')
  } catch (cause) {
    throw new StrataError('DEPENDENCY_MISSING', {
      message: 'redis is not installed here',
      advice: `Run: ${command}`,
      details: { package: 'redis', command },
      cause,
    })
  }
}
