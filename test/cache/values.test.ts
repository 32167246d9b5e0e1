// What goes through the cache comes out as it went in, the same for everybody; what cannot is refused with a clear error.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createQueryCache } from '../../src/cache/index.ts'
import { decode, encode } from '../../src/cache/codec.ts'
import { queryKey } from '../../src/cache/key.ts'
import { checkProperty } from '../support/property.ts'
import { useRedis } from '../support/redis.ts'
import { openCache, openCaches } from './support.ts'

const redis = useRedis()

const odd: readonly unknown[] = [
  null,
  undefined,
  0,
  -0,
  Number.NaN,
  Infinity,
  -Infinity,
  12_345_678_901_234_567_890n,
  '',
  '\0\ud800\u{1f600}',
  new Date(0),
  new Date(Number.NaN),
  Buffer.from([0, 255, 10]),
  [undefined, null],
  { $: 'n', v: 1 },
  { $: undefined },
  new Map<unknown, unknown>([[1n, new Set([new Date(5)])]]),
  { a: { b: [{ c: 1n }] } },
  'x'.repeat(5_000),
  Array.from({ length: 2_000 }, (_, index) => ({ index, at: new Date(index) })),
]

test.each(odd.map((value, index) => [index, value] as const))(
  'odd value %i, from memory and from Redis',
  async (index, value) => {
    const [a, b] = await openCaches(2, { redis: redis().url })
    const key = `odd ${index} \0\ud800`
    const never = (): never => {
      throw new Error('it was there')
    }
    expect(await a?.get(key, () => value)).toEqual(value)
    expect(await a?.get(key, never)).toEqual(value)
    expect(await b?.get(key, never)).toEqual(value)
  },
)

test('any data: what is decoded equals what was encoded', async () => {
  const data = fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: false })
  await checkProperty(
    'codec',
    data.map((value) => ({ value })),
    async ({ value }) => {
      expect(decode((await encode(value)).bytes).value).toEqual(value)
    },
    { runs: 300 },
  )
})

test('a value is the same object for all, and nobody can change it; one that cannot be frozen is its own for each', async () => {
  const cache = await openCache()
  const rows = await cache.get('rows', () => [{ n: 1 }])
  expect(() => rows.push({ n: 2 })).toThrow(TypeError)
  expect(await cache.get('rows', () => [])).toBe(rows)
  const dated = await cache.get('dated', () => ({ at: new Date(5) }))
  dated.at.setTime(9)
  expect(await cache.get('dated', () => ({ at: new Date(7) }))).toEqual({ at: new Date(5) })
})

test.each([
  ['a function', () => ({ f: () => 1 })],
  ['a symbol', () => Symbol('s')],
  [
    'a circle',
    () => {
      const circle: Record<string, unknown> = {}
      return Object.assign(circle, { circle })
    },
  ],
])('%s is refused, and the key is free again', async (name, make) => {
  const cache = await openCache({ redis: redis().url })
  await expect(cache.get<unknown>(name, make)).rejects.toMatchObject({ code: 'VALUE_INVALID' })
  expect(await cache.get(name, () => 1)).toBe(1)
})

test('a value that is too large is served and not stored', async () => {
  const cache = await openCache({ entryBytes: 1_000 })
  const large = 'x'.repeat(50_000_000)
  expect(await cache.get('large', () => large)).toBe(large)
  expect(await cache.get('large', () => 'small')).toBe('small')
  expect(cache.stats().namespaces['default']).toMatchObject({ tooLarge: 1, loads: 2 })
})

test('copies stay below their bytes', async () => {
  const cache = await openCache({ memoryBytes: 100_000 })
  for (let n = 0; n < 200; n++) await cache.get(`k${n}`, () => 'x'.repeat(1_000))
  expect(cache.stats().bytes).toBeLessThanOrEqual(100_000)
  expect(cache.stats().namespaces['default']?.evictions).toBeGreaterThan(150)
})

test('keys of queries differ by text, type of parameter and identity', () => {
  const key = (text: string, values: readonly unknown[], tenant?: string): string =>
    queryKey({ text, values, identity: { tenant } })
  const keys = [
    key('select $1', [1]),
    key('select $1', ['1']),
    key('select $1', [1n]),
    key('select $1', [null]),
    key('select $1', [true]),
    key('select $1', [new Date(1)]),
    key('select $1', [Buffer.from('1')]),
    key('select $1', [[1, 2]]),
    key('select $1', [1], 'a'),
    key('select $1', [1], 'b'),
    key('select $1,$2', [1, 2]),
    key('select $1,$2', ['1', '2']),
  ]
  expect(new Set(keys).size).toBe(keys.length)
  expect(key('select $1', [1], 'a')).toBe(key('select $1', [1], 'a'))
})

test('durations without a unit are refused', async () => {
  const cache = await openCache()
  const bare = 60 as unknown as string
  await expect(cache.get('k', () => 1, { ttl: bare })).rejects.toMatchObject({ code: 'VALUE_INVALID' })
})

test('a QueryCache stores what was set after its get, and nothing if it was invalidated between, or never got', async () => {
  const cache = await openCache({ redis: redis().url })
  const queries = createQueryCache(cache, { tags: ['songs'] })
  expect(queries.set('a', 1, 60_000)).toBe(false)
  expect(await queries.get('a')).toBeUndefined()
  expect(await queries.get('a')).toBeUndefined()
  expect(queries.set('a', { n: 1 }, 60_000)).toBe(true)
  await expect.poll(() => queries.get('a')).toEqual({ n: 1 })
  await cache.invalidate({ tags: ['songs'] })
  expect(await queries.get('a')).toBeUndefined()
  await cache.invalidate({ tags: ['songs'] })
  queries.set('a', { n: 2 }, 60_000)
  expect(await cache.get('a', () => 'loaded', { namespace: 'query', tags: ['songs'] })).toBe('loaded')
})
