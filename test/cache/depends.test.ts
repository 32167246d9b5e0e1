// What a cached answer depends on, found out by the database: through views and policies, and whose it is.

import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { Dependencies } from '../../src/cache/depends.ts'
import { tableTag } from '../../src/cache/index.ts'
import { resolveConfig } from '../../src/config/index.ts'
import { loadParser } from '../../src/sql/classify/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { useRedis } from '../support/redis.ts'

const redis = useRedis()

const open = (database: object): Strata => {
  const config = resolveConfig({ database, cache: { redis: redis().url } }, { root: '/', name: 'test' })
  const strata = openStrata(config)
  onTestFinished(() => strata.close())
  return strata
}

describeOnEachVersion('what an answer depends on', (_, database) => {
  const dependencies = async (): Promise<Dependencies> => {
    await loadParser()
    return new Dependencies({ ask: database().db, clock: systemClock, schemas: ['public', 'other'] })
  }
  const tagsOf = async (text: string): Promise<readonly string[]> =>
    ((await (await dependencies()).tagsOf(text)) ?? []).toSorted()
  const run = async (text: string): Promise<unknown> => await database().db.query(sql.raw(text))

  test('a view is what it reads, a partition its table, a policy what it looks at', async () => {
    await run(`create schema "Odd"`)
    await run(`create table "Odd"."Song" (id int primary key)`)
    await run(`create table plays (id int, at date) partition by range (at)`)
    await run(`create table plays_2026 partition of plays for values from ('2026-01-01') to ('2027-01-01')`)
    await run(`create table members (who text)`)
    await run(`create view inner_view as select s.id from "Odd"."Song" s join plays_2026 p on p.id = s.id`)
    await run(`create view outer_view as select * from inner_view where id > 1`)
    await run(`create materialized view kept as select * from outer_view`)
    await run(`create table shared (id int)`)
    await run(`alter table shared enable row level security`)
    await run(`create policy p on shared using (exists (select from members where who = current_user))`)
    await run(`create function hidden() returns bigint stable language sql as 'select count(*) from members'`)
    await run(`create view calls as select hidden() as n from shared`)
    const song = tableTag('Odd', 'Song')
    const of = (...names: readonly string[]): readonly string[] => names.map((name) => tableTag('public', name))
    expect(await tagsOf('select * from outer_view')).toEqual([song, ...of('inner_view', 'outer_view', 'plays')])
    expect(await tagsOf('select * from plays_2026')).toEqual(of('plays'))
    expect(await tagsOf('select * from kept')).toEqual(of('kept'))
    expect(await tagsOf('select * from shared')).toEqual(of('members', 'shared'))
    expect(await tagsOf('select * from calls')).toEqual([
      'function:["public","hidden"]',
      ...of('calls', 'members', 'shared'),
    ])
    expect(await tagsOf('select 1')).toEqual([])
    expect(await (await dependencies()).tagsOf('selec')).toBeUndefined()
  })

  test('a name that is not known counts wherever it may stand, until it is', async () => {
    const found = await dependencies()
    const guessed = await found.tagsOf('select * from later, "Odd".gone')
    expect(guessed?.toSorted()).toEqual([
      tableTag('Odd', 'gone'),
      tableTag('other', 'later'),
      tableTag('public', 'later'),
    ])
    await run(`create table later (id int)`)
    expect(await found.tagsOf('select * from later')).toEqual([tableTag('public', 'later')])
  })

  test('what a view reads invalidates what was asked of the view', async () => {
    const strata = open({ primary: database().url })
    await run(`create table base (id int primary key, v text)`)
    await run(`insert into base values (1, 'old')`)
    await run(`create view seen as select * from base`)
    const ask = async (): Promise<unknown> =>
      (await strata.query(sql`select v from seen`, { cache: { ttl: '1 hour' } })).rows
    expect(await ask()).toEqual([{ v: 'old' }])
    await run(`update base set v = 'new'`)
    expect(await ask()).toEqual([{ v: 'old' }])
    await strata.cache.invalidate({ tables: ['base'] })
    expect(await ask()).toEqual([{ v: 'new' }])
  })

  test('another role, another search_path and other settings of a route get answers of their own', async () => {
    const role = `reader_${database().name}`
    await run(`create role ${role} login`)
    onTestFinished(async () => {
      await run(`drop owned by ${role}`)
      await run(`drop role ${role}`)
    })
    await run(`create schema tenant`)
    await run(`create table notes (who text)`)
    await run(`create table tenant.notes (who text)`)
    await run(`insert into notes values ('public')`)
    await run(`insert into tenant.notes values ('tenant')`)
    await run(`grant select on notes to ${role}`)
    const { url } = database()
    const note = sql`select current_user::text as role, who, current_setting('app.tenant', true) as app from notes`
    const ask = async (settings: object = {}, change: (to: URL) => void = () => undefined): Promise<object> => {
      const primary = new URL(url)
      change(primary)
      const { rows } = await open({ primary: primary.href, settings }).query(note, { cache: { ttl: '1 hour' } })
      return rows[0] ?? {}
    }
    const own = await ask()
    expect(own).toMatchObject({ who: 'public' })
    expect(await ask({}, (to) => to.searchParams.set('options', '-c search_path=tenant'))).toEqual({
      ...own,
      who: 'tenant',
    })
    expect(await ask({ read: { 'app.tenant': '7' } })).toEqual({ ...own, app: '7' })
    expect(await ask({}, (to) => void (to.username = role))).toEqual({ ...own, role })
    // What changes nothing but time makes no other answer of it.
    await run(`update notes set who = 'changed'`)
    expect(await ask({ read: { statement_timeout: '5s', work_mem: '8MB' } })).toEqual(own)
  })
})
