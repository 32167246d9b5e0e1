// Answers of statements through the cache: keyed by parameters and identity, invalidated by the tables they name, refused
// where they do more than read; and in a session never older than what it wrote, past a replica that stands still.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { tableTag } from '../../src/cache/index.ts'
import { resolveConfig } from '../../src/config/index.ts'
import { startCluster, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { loadParser } from '../../src/sql/classify/index.ts'
import { findRelations } from '../../src/sql/relations.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { useRedis } from '../support/redis.ts'
import { waitUntil } from '../support/wait.ts'

const redis = useRedis()

function open(database: object): Strata {
  const cache = { redis: redis().url, namespaces: { query: { ttl: '10 min' } } }
  const strata = openStrata(resolveConfig({ database, cache }, { root: '/', name: 'test' }))
  onTestFinished(() => strata.close())
  return strata
}

const statement = (id: number): ReturnType<typeof sql> => sql`select title from songs where id = ${id}`

describeOnEachVersion('cached queries', (_, database) => {
  const openHere = (): Strata => open({ primary: database().url })

  test('an answer is cached, for each parameter and identity its own, and for all processes of the database', async () => {
    const [a, b] = [openHere(), openHere()]
    await a.db.query(
      sql`create table if not exists songs (id int primary key, title text, at timestamptz default now())`,
    )
    await a.db.query(sql`insert into songs values (1, 'one'), (2, 'two') on conflict do nothing`)
    const first = await a.query(statement(1), { cache: {} })
    expect(first.rows).toEqual([{ title: 'one' }])
    await a.db.query(sql`update songs set title = 'changed' where id = 1`)
    expect((await a.query(statement(1), { cache: {} })).rows).toEqual([{ title: 'one' }])
    expect((await b.query(statement(1), { cache: {} })).rows).toEqual([{ title: 'one' }])
    expect((await a.query(statement(2), { cache: {} })).rows).toEqual([{ title: 'two' }])
    expect((await a.query(statement(1), { cache: { identity: { tenant: 'x' } } })).rows).toEqual([{ title: 'changed' }])
    expect((await a.query(statement(1), { cache: { enabled: false } })).rows).toEqual([{ title: 'changed' }])
    expect(await b.cache.invalidate({ tables: ['songs'] })).toBe('everywhere')
    expect((await a.query(statement(1), { cache: {} })).rows).toEqual([{ title: 'changed' }])
    const typed = await a.query<{ at: Date }>(sql`select at from songs where id = 1`, { cache: {} })
    expect((await b.query<{ at: Date }>(sql`select at from songs where id = 1`, { cache: {} })).rows).toEqual(
      typed.rows,
    )
    expect(typed.rows[0]?.at).toBeInstanceOf(Date)
  })

  test('as a text with its parameters, where a bare number counts as seconds', async () => {
    const strata = openHere()
    await strata.db.query(sql`create table if not exists seen (id int primary key, n int)`)
    await strata.db.query(sql`insert into seen values (1, 1) on conflict (id) do update set n = 1`)
    const ask = async (enabled: boolean): Promise<unknown> =>
      (
        await strata.query('select n from seen where id = $1', [1], {
          cache: { enabled, ttl: 300, key: 'seen:1', tags: ['seen'] },
        })
      ).rows
    expect(await ask(true)).toEqual([{ n: 1 }])
    await strata.db.query(sql`update seen set n = 2`)
    expect(await ask(true)).toEqual([{ n: 1 }])
    expect(await ask(false)).toEqual([{ n: 2 }])
    expect((await strata.query('select n from seen where id = $1', [1])).rows).toEqual([{ n: 2 }])
    await strata.cache.invalidate({ tags: ['seen'] })
    expect(await ask(true)).toEqual([{ n: 2 }])
    const bare = { cache: { ttl: 300 } } as never
    await expect(strata.query(sql`select n from seen`, bare)).rejects.toMatchObject({ code: 'VALUE_INVALID' })
    await expect(strata.query('select 1' as never)).rejects.toMatchObject({ code: 'VALUE_INVALID' })
  })

  test('what several reads come to is cached as one, for all processes; that there is none is cached for less long', async () => {
    const [a, b] = [openHere(), openHere()]
    await a.db.query(sql`create table if not exists pairs (id int primary key, n int)`)
    await a.db.query(sql`insert into pairs values (1, 1), (2, 2) on conflict (id) do update set n = excluded.n`)
    let loads = 0
    const read = async (strata: Strata, id: number): Promise<number | undefined> => {
      const { rows } = await strata.query<{ n: number }>(sql`select n from pairs where id = ${id}`)
      return rows[0]?.n
    }
    const both = async (strata: Strata): Promise<readonly unknown[]> =>
      await strata.cached(
        'both',
        async () => {
          loads++
          return [await read(strata, 1), await read(strata, 2)]
        },
        { tags: [tableTag('public', 'pairs')] },
      )
    expect(await both(a)).toEqual([1, 2])
    await a.db.query(sql`update pairs set n = n + 10`)
    expect([await both(a), await both(b), loads]).toEqual([[1, 2], [1, 2], 1])
    await b.cache.invalidate({ tables: ['pairs'] })
    expect([await both(a), await both(b), loads]).toEqual([[11, 12], [11, 12], 2])
    const missing = async (): Promise<number | undefined> => {
      return await a.cached('missing', async () => (loads++, await read(a, 3)), { ttl: '10 min', negativeTtl: '1ms' })
    }
    expect(await missing()).toBeUndefined()
    await waitUntil(async () => (await missing(), loads >= 4), { what: 'the load of what there was none of' })
    await expect(a.cached('failing', () => Promise.reject(new Error('of its own')))).rejects.toThrow('of its own')
  })

  test.each([
    [sql`insert into songs values (9) returning id`],
    [sql`select * from songs for update`],
    [sql`select random()`],
    [sql`select nextval('s')`],
    [sql`with gone as (delete from songs returning id) select * from gone`],
  ])('what does more than read is refused', async (refused) => {
    const strata = openHere()
    await expect(strata.query(refused, { cache: {} })).rejects.toMatchObject({ code: 'CACHE_QUERY_REFUSED' })
  })
})

describe('with a replica', () => {
  let cluster: EmbeddedCluster
  beforeAll(async () => {
    cluster = await startCluster({ inMemory: true, replicas: 1 })
  })
  afterAll(() => cluster.stop())

  test('an answer of a session holds what it wrote, and what is loaded after an invalidation what came before it', async () => {
    const [replica] = cluster.replicas
    const strata = open({ primary: cluster.primary.url(), replicas: [{ url: replica?.url() }] })
    await strata.pool.start()
    await strata.db.query(sql`create table songs (id int primary key, title text)`)
    await strata.db.query(sql`insert into songs values (1, '0')`)
    await replica?.waitFor()
    await replica?.pauseReplay()
    for (let n = 1; n <= 10; n++) {
      await strata.scope(undefined, async () => {
        await strata.query(sql`update songs set title = ${String(n)} where id = 1`)
        // Nobody has invalidated it: the token alone keeps the older answer away.
        expect((await strata.query(statement(1), { cache: {} })).rows).toEqual([{ title: String(n) }])
      })
      await strata.db.query(sql`update songs set title = ${`${n} again`} where id = 1`)
      await strata.cache.invalidate({ tables: ['songs'] })
      expect((await strata.query(statement(1), { cache: {} })).rows).toEqual([{ title: `${n} again` }])
    }
    await replica?.resumeReplay()
  })

  test('a token of another timeline is compared with nothing that is cached', async () => {
    const strata = open({ primary: cluster.primary.url(), replicas: [{ url: cluster.replicas[0]?.url() }] })
    await strata.pool.start()
    await strata.db.query(sql`create table if not exists songs (id int primary key, title text)`)
    const ask = (): Promise<unknown> => strata.query(statement(1), { cache: {} })
    const token = await strata.scope(undefined, async (session) => {
      await strata.query(sql`insert into songs values (99, '')`)
      return session.token
    })
    await ask()
    await ask()
    const hits = (): number => {
      const stats = strata.cache.stats().namespaces['query']
      return (stats?.localHits ?? 0) + (stats?.sharedHits ?? 0)
    }
    const before = hits()
    expect(before).toBeGreaterThan(0)
    const later = { systemId: token?.systemId ?? '', timeline: (token?.timeline ?? 0) + 1, lsn: 1n }
    await strata.scope(later, ask).catch(() => undefined)
    expect(hits()).toBe(before)
    await strata.scope({ ...later, timeline: token?.timeline ?? 0 }, ask)
    expect(hits()).toBe(before + 1)
  })
})

test('relations are found wherever they stand, those of CTEs are none', async () => {
  await loadParser()
  const text = `with c as (select * from a join "B".x on true) select (select 1 from d where exists (select from e)) from c
    union select 1 from lateral (select * from f) s`
  const names = findRelations(text)?.map(({ schema, name }) => `${schema ?? ''}.${name}`)
  expect(names?.toSorted()).toEqual(['.a', '.d', '.e', '.f', 'B.x'])
  expect(findRelations('select 1; select 2')).toBeUndefined()
  expect(findRelations('selec')).toBeUndefined()
})
