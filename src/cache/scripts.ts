// What Redis is asked, each in one script, so that nobody comes between its parts; and what it keeps.
//
// A hub (one hash) numbers the invalidations (`seq`) and knows who serves copies of his own until when (`m:<member>`, by the
// clock of Redis). Beside it stand two texts: which life of the cache this is (unique), and how far the feed has come. An
// entry is a text as well: `g`, the life and the versions of its tags when its load began, until when it is fresh by the clock of
// Redis, for how long it is stale after that, its position, and the value. A tag's version is a text that comes once;
// whoever invalidates the tag deletes it. So an entry counts only while its life is this one and each of its tags has the
// version it had: what is missing, for whatever reason, is a miss, and nothing that is lost brings back what was
// invalidated. A lease (a text) says who loads; whoever invalidates a key deletes it, and its holder can store nothing.
//
// All that a hit needs are texts, so one MGET reads it, which is as atomic as a script: it took 81 µs over loopback where the
// script took 127. Whoever finds nothing so asks `leaseScript`.
//
// Times are lengths, measured by the clock of Redis alone. Replies are lists of integers and bulk strings.

import { createScript, type RedisScript } from '../redis/index.ts'

const prelude = `
local function text(number) return string.format('%.0f', number) end
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000), time[1] * 1000000 + time[2]
end
local function versions(first)
  local all = {}
  local whole = true
  for i = first, #KEYS do
    local version = redis.call('GET', KEYS[i])
    if not version then whole = false; version = '' end
    all[#all + 1] = version
  end
  return table.concat(all, ' '), whole
end
`

/** KEYS[1] is the hub: what it knows begins anew where it is missing. */
const hubPrelude = `${prelude}
local nowMs, nowUs = now()
if redis.call('HSETNX', KEYS[1], 'at', text(nowMs)) == 1 then redis.call('HSET', KEYS[1], 'seq', text(nowUs)) end
redis.call('PEXPIRE', KEYS[1], 86400000)
`

/**
 * KEYS life, pos, entry, lease, tags …; ARGV nonce, lease ms, 1: take the lease though there is a fresh value.
 * [1, entry, now, pos, 1: the lease was taken, g, or whose it is]: a value. [2, g, pos]: none, the lease was taken.
 * [3, whose lease it is]: none, another one loads it.
 */
export const leaseScript: RedisScript = createScript(`${prelude}
local life = redis.call('GET', KEYS[1])
local pos = redis.call('GET', KEYS[2]) or ''
local entry = redis.call('GET', KEYS[3])
local tags, whole = versions(5)
local nowMs = now()
local known = (life or '') .. ' ' .. tags .. '\\n'
local valid = life and whole and entry and string.sub(entry, 1, #known) == known
if valid and ARGV[3] ~= '1' and tonumber(string.match(entry, '^%d+', #known + 1)) > nowMs then
  return {1, entry, nowMs, pos, 0, ''}
end
if not redis.call('SET', KEYS[4], ARGV[1], 'NX', 'PX', ARGV[2]) then
  local holder = redis.call('GET', KEYS[4])
  if valid then return {1, entry, nowMs, pos, 0, holder} end
  return {3, holder}
end
for i = 5, #KEYS do redis.call('SET', KEYS[i], ARGV[1] .. i, 'NX', 'PX', 86400000) end
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', 86400000)
local g = redis.call('GET', KEYS[1]) .. ' ' .. versions(5)
if valid then return {1, entry, nowMs, pos, 1, g} end
return {2, g, pos}
`)

/** KEYS life, entry, lease, tags …; ARGV lease id, g, value, fresh ms, stale ms, lsn. 1: stored. */
export const storeScript: RedisScript = createScript(`${prelude}
if redis.call('GET', KEYS[3]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[3])
local tags, whole = versions(4)
if not whole or (redis.call('GET', KEYS[1]) or '') .. ' ' .. tags ~= ARGV[2] then return 0 end
local ms = tonumber(ARGV[4]) + tonumber(ARGV[5])
if ms < 1 then return 0 end
local head = ARGV[2] .. '\\n' .. text(now() + tonumber(ARGV[4])) .. ' ' .. ARGV[5] .. ' ' .. ARGV[6] .. '\\n'
redis.call('SET', KEYS[2], head .. ARGV[3], 'PX', ms)
for i = 4, #KEYS do redis.call('PEXPIRE', KEYS[i], ms + 60000, 'GT') end
redis.call('PEXPIRE', KEYS[1], ms + 60000, 'GT')
return 1
`)

/** KEYS lease; ARGV lease id. */
export const releaseScript: RedisScript = createScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`)

/**
 * KEYS hub, life, pos, what is to go …; ARGV nonce, channel, message, lsn ('': as it is, '-': forget), 1: a new life.
 * [seq, age of the hub in ms, member, ms, …]: those who may still serve copies, and for how long if they say nothing.
 * It runs where memory is full, for it makes room.
 */
export const invalidateScript: RedisScript = createScript(`#!lua flags=allow-oom
${hubPrelude}
for i = 4, #KEYS do redis.call('UNLINK', KEYS[i]) end
if ARGV[5] == '1' then redis.call('SET', KEYS[2], ARGV[1], 'PX', 86400000) end
if ARGV[4] == '-' then redis.call('DEL', KEYS[3])
elseif ARGV[4] ~= '' then
  local pos = redis.call('GET', KEYS[3])
  if not pos or pos < ARGV[4] then redis.call('SET', KEYS[3], ARGV[4], 'PX', 86400000) end
end
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
redis.call('PUBLISH', ARGV[2], text(seq) .. ' ' .. ARGV[3])
local found = redis.call('HGETALL', KEYS[1])
local reply = {seq, 0}
for i = 1, #found, 2 do
  if found[i] == 'at' then reply[2] = nowMs - tonumber(found[i + 1]) end
  if string.sub(found[i], 1, 2) == 'm:' then
    local left = tonumber(found[i + 1]) - nowMs
    if left > 0 then
      reply[#reply + 1] = string.sub(found[i], 3)
      reply[#reply + 1] = left
    else redis.call('HDEL', KEYS[1], found[i]) end
  end
end
return reply
`)

/** KEYS hub, life, pos; ARGV member, ms (0: it leaves). [seq, pos, now] */
export const renewScript: RedisScript = createScript(`#!lua flags=allow-oom
${hubPrelude}
if ARGV[2] == '0' then redis.call('HDEL', KEYS[1], 'm:' .. ARGV[1])
else redis.call('HSET', KEYS[1], 'm:' .. ARGV[1], text(nowMs + tonumber(ARGV[2]))) end
redis.call('PEXPIRE', KEYS[2], 86400000, 'GT')
redis.call('PEXPIRE', KEYS[3], 86400000)
return {tonumber(redis.call('HGET', KEYS[1], 'seq')), redis.call('GET', KEYS[3]) or '', nowMs}
`)
