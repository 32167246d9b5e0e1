// What `doctor` asks about the Redis of the cache: whether it answers, is new enough, and forgets before its memory is full.

import type { Clock } from '../base/clock.ts'
import type { Probe, ProbeResult } from '../base/probe.ts'
import type { Random } from '../base/random.ts'
import { formatSize } from '../base/units.ts'
import { guarded } from '../db/probes.ts'
import { RedisLink } from '../redis/index.ts'

export interface CacheProbeOptions {
  /** undefined: there is nothing to ask. */
  readonly redis: string | undefined
  readonly clock: Clock
  readonly random: Random
}

/** Scripts say what they may do when memory is full since then. */
const leastMajor = 7

export function cacheProbes({ redis, clock, random }: CacheProbeOptions): readonly Probe[] {
  if (redis === undefined) return []
  return [
    {
      name: 'cache: redis',
      run: guarded(async () => {
        const link = new RedisLink({ url: redis, clock, random })
        try {
          await link.start()
          return link.isUp
            ? judge(readInfo(String(await link.send(['INFO', 'server'])), String(await link.send(['INFO', 'memory']))))
            : unreachable
        } finally {
          await link.close()
        }
      }),
    },
  ]
}

const unreachable: ProbeResult = {
  verdict: 'warn',
  found: 'Redis cannot be reached: every read is a load, and copies are kept by nobody',
  fix: 'Start it, or mend `cache.redis`. Nothing fails until then.',
}

function judge(info: ReadonlyMap<string, string>): ProbeResult {
  const valkey = info.get('valkey_version')
  const version = valkey ?? info.get('redis_version') ?? ''
  const name = `${valkey === undefined ? 'Redis' : 'Valkey'} ${version}`
  const used = formatSize(Number(info.get('used_memory')))
  if (Number.parseInt(version, 10) < leastMajor)
    return { verdict: 'fail', found: name, fix: `Redis ${leastMajor} or later, or Valkey.` }
  const most = Number(info.get('maxmemory'))
  const policy = info.get('maxmemory_policy') ?? ''
  if (most === 0)
    return {
      verdict: 'warn',
      found: `${name} uses ${used}, and may use any amount`,
      fix: 'Set maxmemory, and maxmemory-policy allkeys-lfu.',
    }
  const found = `${name} uses ${used} of ${formatSize(most)}, ${policy}`
  // Nothing wrong is served when it is full, but nothing new is kept either.
  return policy === 'noeviction'
    ? { verdict: 'warn', found, fix: 'Set maxmemory-policy allkeys-lfu: else nothing is kept once it is full.' }
    : { verdict: 'ok', found }
}

function readInfo(...parts: readonly string[]): ReadonlyMap<string, string> {
  const lines = parts.join('\n').matchAll(/^(\w+):(.*?)\r?$/gm)
  return new Map([...lines].map(([, name = '', value = '']) => [name, value]))
}
