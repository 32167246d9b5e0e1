// Between processes through Redis: a list of the latest messages and a hash that numbers them, each changed by one script, and
// a channel that rings.
//
// What must be true: a number is given with its message in one step. What Redis evicts, loses or finds again shows: the life
// is of this log alone, keys carry the incarnation of the server, and a list that is shorter than its numbers say has a hole.
// On failure of Redis `publish` rejects, so the feed brings the batch again; who follows goes on where it was when Redis is
// back, or is told that something was lost. Bounded by number and size.

import { randomUUID } from 'node:crypto'
import { systemClock, type Clock } from '../../base/clock.ts'
import { messageOf, StrataError } from '../../base/errors.ts'
import { silentLogger, type Logger } from '../../base/logger.ts'
import { systemRandom, type Random } from '../../base/random.ts'
import { createScript, RedisLink, type RedisReply, type RedisScript } from '../../redis/index.ts'
import { encodeMessage, type Transport } from '../wire.ts'
import { LogFollower, type LogPage } from './log.ts'

export interface ThroughRedisOptions {
  readonly url: string
  /** Tells this database from others on the same Redis. */
  readonly prefix: string | (() => Promise<string>)
  readonly keptMessages?: number | undefined
  readonly keptBytes?: number | undefined
  readonly clock?: Clock | undefined
  readonly random?: Random | undefined
  readonly logger?: Logger | undefined
}

const pageMessages = 200
/** Long behind whatever anybody could resume at. */
const keptMs = 7 * 86_400_000

/** KEYS numbers, list; ARGV text, most bytes, most messages, nonce, channel, kept for ms. */
const publishScript: RedisScript = createScript(`
local life = redis.call('HGET', KEYS[1], 'life')
if not life then
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'life', ARGV[4])
end
local n = redis.call('HINCRBY', KEYS[1], 'n', 1)
local length = redis.call('RPUSH', KEYS[2], ARGV[1])
local bytes
if length == 1 then
  bytes = #ARGV[1]
  redis.call('HSET', KEYS[1], 'bytes', bytes)
else
  bytes = redis.call('HINCRBY', KEYS[1], 'bytes', #ARGV[1])
end
while length > 1 and (bytes > tonumber(ARGV[2]) or length > tonumber(ARGV[3])) do
  bytes = redis.call('HINCRBY', KEYS[1], 'bytes', -#redis.call('LPOP', KEYS[2]))
  length = length - 1
end
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('PUBLISH', ARGV[5], n)
return n
`)

/** KEYS numbers, list; ARGV after, most messages. [life, last, first, text …] */
const readScript: RedisScript = createScript(`
local known = redis.call('HMGET', KEYS[1], 'life', 'n')
if not known[1] then return {} end
local last = tonumber(known[2])
local oldest = last - redis.call('LLEN', KEYS[2]) + 1
local first = math.max(oldest, tonumber(ARGV[1]) + 1)
local from = first - oldest
local reply = redis.call('LRANGE', KEYS[2], from, from + tonumber(ARGV[2]) - 1)
table.insert(reply, 1, first)
table.insert(reply, 1, last)
table.insert(reply, 1, known[1])
return reply
`)

export function throughRedis(options: ThroughRedisOptions): Transport {
  const { clock = systemClock, random = systemRandom, logger = silentLogger } = options
  const { url, keptMessages = 2_000, keptBytes = 16 * 1024 * 1024 } = options
  const link = new RedisLink({ url, clock, random })
  let prefix: string | undefined
  let following: LogFollower | undefined
  const name = async (): Promise<string> =>
    (prefix ??= typeof options.prefix === 'string' ? options.prefix : await options.prefix())
  const keys = async (): Promise<readonly [string, string]> => {
    const base = `pgstrata:{${await name()}}:live:${link.incarnation}`
    return [base, `${base}:log`]
  }
  const channel = async (): Promise<string> => `pgstrata:{${await name()}}:live`
  link.listen({
    up: async () => {
      await link.subscribe(await channel(), () => following?.ring())
      following?.ring()
    },
    down: () => undefined,
  })
  return {
    publish: async (message) => {
      await link.start()
      const { incarnation } = link
      const args = [encodeMessage(message), keptBytes, keptMessages, randomUUID(), await channel(), keptMs].map(String)
      await link.run(publishScript, await keys(), args)
      // Under a name that nobody looks at any more.
      if (link.incarnation !== incarnation)
        throw new StrataError('REDIS_UNAVAILABLE', { message: 'Redis is another one than a moment ago' })
    },
    follow: async (follower) => {
      following = new LogFollower({
        follower,
        read: async (after) =>
          parsePage(await link.run(readScript, await keys(), [String(after), String(pageMessages)])),
        clock,
        logger,
      })
      await link.start()
      await following.start().catch((error: unknown) => {
        logger.warn('Live events cannot be read', { error: messageOf(error) })
      })
    },
    close: async () => {
      following?.stop()
      await link.close()
    },
  }
}

function parsePage(reply: RedisReply): LogPage {
  if (!Array.isArray(reply)) throw new StrataError('REDIS_UNAVAILABLE', { message: 'Redis answers what nobody asked' })
  const [life, last, first, ...texts] = reply as readonly RedisReply[]
  if (life === undefined) return { life: undefined, last: 0, first: 1, texts: [] }
  return { life: String(life), last: Number(last), first: Number(first), texts: texts.map(String) }
}
