// How often somebody may ask: a sliding window for each key, with a cost for each call, shared by all processes on one Redis.
//
// What holds: what is taken is counted and judged in one script, so two processes never both take the last of it. A call that is
// refused costs nothing. What is taken ahead (ahead.ts) is so only while less than half the limit is: near it, each call is judged
// by itself. Without Redis, and while it cannot be reached, each process counts by itself: it may then allow
// as often as there are processes, and never fails a caller.
// Bounds: keys counted in memory, 100,000; a key is forgotten two windows after its last call.

import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../base/clock.ts'
import { StrataError } from '../../base/errors.ts'
import { createScript, type RedisLink } from '../../redis/index.ts'
import { durationOf, type CacheDuration } from '../options.ts'
import { createAhead } from './ahead.ts'
import { judge, type Taken, type WindowCounts, type WindowRule } from './window.ts'

export interface LimiterOptions {
  /** Tells it from others, here and in Redis. */
  readonly name: string
  /** What may be taken in a window. */
  readonly limit: number
  readonly window: CacheDuration
  /**
   * So much more a process takes at once, while less than half the limit is taken, and gives it out in this window without asking
   * Redis. What it does not need counts as taken: somebody may be refused by that much early for each process.
   * Default 0.
   */
  readonly ahead?: number | undefined
}

export interface Limiter {
  readonly name: string
  readonly limit: number
  readonly windowMs: number
  /** `cost` default 1. */
  take(key: string, cost?: number): Promise<Taken>
  /** As take(), and throws RATE_LIMITED where it is refused. */
  require(key: string, cost?: number): Promise<Taken>
}

/** KEYS counts; ARGV limit, window ms, cost, ahead. [before, current, elapsed ms], as they were, and what was taken ahead. */
const takeScript = createScript(`
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local window = tonumber(ARGV[2])
local index = math.floor(nowMs / window)
local elapsed = nowMs - index * window
local found = redis.call('HMGET', KEYS[1], 'i', 'c', 'b')
local known, current, before = tonumber(found[1] or '0'), tonumber(found[2] or '0'), tonumber(found[3] or '0')
if known == index - 1 then before = current; current = 0
elseif known ~= index then before = 0; current = 0 end
local cost = tonumber(ARGV[3])
local ahead = tonumber(ARGV[4])
local limit = tonumber(ARGV[1])
local used = current + before * (1 - elapsed / window) + cost
if used + ahead > limit / 2 then ahead = 0 end
if used <= limit then
  redis.call('HSET', KEYS[1], 'i', string.format('%.0f', index), 'c', tostring(current + cost + ahead), 'b', tostring(before))
  redis.call('PEXPIRE', KEYS[1], 2 * window)
end
return {tostring(before), tostring(current), elapsed, tostring(ahead)}
`)

const mostKeys = 100_000

export interface LimiterTools {
  readonly clock: Clock
  readonly link: RedisLink | undefined
  readonly prefixOf: () => string
  readonly start: () => Promise<void>
}

export function createLimiter(options: LimiterOptions, { clock, link, prefixOf, start }: LimiterTools): Limiter {
  const { name, limit, ahead = 0 } = options
  const windowMs = durationOf('window', options.window) ?? 0
  check({ name, limit, windowMs, ahead })
  const takeHere = createLocalCounter(clock, windowMs)
  const kept = ahead > 0 ? createAhead(() => clock.monotonic()) : undefined
  /** Of those who ask at once for a key, one takes ahead. */
  const asking = new Set<string>()
  const ask = async (redis: RedisLink, key: string, rule: WindowRule): Promise<Taken> => {
    const digest = createHash('sha256').update(key, 'utf16le').digest('base64url').slice(0, 22)
    const keys = [`pgstrata:{${prefixOf()}}:limit:${name}:${digest}`]
    const isFirst = kept !== undefined && !asking.has(key)
    if (isFirst) asking.add(key)
    try {
      const askedMs = clock.monotonic()
      const args = [limit, windowMs, rule.cost, isFirst ? ahead : 0].map(String)
      const answer = (await redis.run(takeScript, keys, args)) as readonly unknown[]
      const [before = 0, current = 0, elapsedMs = 0, more = 0] = answer.map((one) => Number(String(one)))
      const taken = judge({ before, current, elapsedMs }, rule)
      if (kept === undefined) return taken
      const { remaining, resetMs } = taken
      if (taken.isAllowed && more > 0)
        kept.put(key, { count: more, untilMs: askedMs + windowMs - elapsedMs, remaining: remaining - more, resetMs })
      // What is held here may still be taken here.
      return { ...taken, remaining: remaining - (taken.isAllowed ? more : 0) + kept.held(key) }
    } finally {
      if (isFirst) asking.delete(key)
    }
  }
  const take = async (key: string, cost = 1): Promise<Taken> => {
    if (!(cost > 0) || !Number.isFinite(cost))
      throw new StrataError('VALUE_INVALID', { message: 'The cost of a call', expected: 'a number above 0' })
    const rule = { limit, windowMs, cost }
    const held = kept?.spend(key, rule)
    if (held !== undefined) return held
    if (link?.isStarted === false) await start().catch(() => undefined)
    if (link?.isUp !== true) return takeHere(key, rule)
    return await ask(link, key, rule).catch(() => takeHere(key, rule))
  }
  return {
    name,
    limit,
    windowMs,
    take,
    require: async (key, cost) => {
      const taken = await take(key, cost)
      if (taken.isAllowed) return taken
      const { retryMs, resetMs } = taken
      throw new StrataError('RATE_LIMITED', {
        message: `More than ${limit} in ${windowMs} ms`,
        details: { limiter: name, limit, windowMs, retryMs, resetMs },
      })
    },
  }
}

interface Checked {
  readonly name: string
  readonly limit: number
  readonly windowMs: number
  readonly ahead: number
}

function check({ name, limit, windowMs, ahead }: Checked): void {
  if (!(limit >= 1) || !Number.isFinite(limit) || windowMs < 1 || !/^[\w-]{1,64}$/.test(name))
    throw new StrataError('VALUE_INVALID', {
      message: 'A limiter',
      expected: 'a name of letters, digits, _ and -, a limit of at least 1 and a window of at least 1 ms',
    })
  if (!(ahead >= 0) || (ahead > 0 && ahead >= limit / 2))
    throw new StrataError('VALUE_INVALID', {
      message: `The limiter ${name}: ahead`,
      expected: `from 0 to less than half the limit, ${limit / 2}`,
      got: String(ahead),
    })
}

interface Counted {
  index: number
  before: number
  current: number
}

function createLocalCounter(
  clock: Clock,
  windowMs: number,
): (key: string, rule: { readonly limit: number; readonly windowMs: number; readonly cost: number }) => Taken {
  const counters = new LRUCache<string, Counted>({ max: mostKeys })
  return (key, rule) => {
    const nowMs = clock.monotonic()
    const index = Math.floor(nowMs / windowMs)
    const found = counters.get(key) ?? { index, before: 0, current: 0 }
    if (found.index !== index) {
      found.before = found.index === index - 1 ? found.current : 0
      found.current = 0
      found.index = index
    }
    const counts: WindowCounts = { before: found.before, current: found.current, elapsedMs: nowMs - index * windowMs }
    const taken = judge(counts, rule)
    if (taken.isAllowed) found.current += rule.cost
    counters.set(key, found)
    return taken
  }
}
