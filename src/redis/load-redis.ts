// `redis` (node-redis), an optional package, when it is first needed.

import { loadOptional } from '../base/load-optional.ts'

export type RedisModule = typeof import('redis')

export async function loadRedis(): Promise<RedisModule> {
  return await loadOptional({ name: 'redis', command: 'npm install redis@6' }, () => import('redis'))
}
