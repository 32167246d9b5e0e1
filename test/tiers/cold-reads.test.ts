// Reading archives takes long, and room: neither the timeouts of an application end it, nor does it keep what it is done with; and
// whoever does not want it any more does not wait for its files.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { onlyRow, type Db, type Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { openFileCache } from '../../src/tiers/archive/cache.ts'
import { readArchives, readFiles } from '../../src/tiers/archive/catalog.ts'
import type { DuckFactory } from '../../src/tiers/archive/duck.ts'
import { queryArchives } from '../../src/tiers/archive/query.ts'
import { readBack } from '../../src/tiers/archive/read-back.ts'
import { restoreInto } from '../../src/tiers/archive/restore-into.ts'
import type { ColdTools } from '../../src/tiers/read/cold.ts'
import { createReader, type TierReader } from '../../src/tiers/read/reader.ts'
import { openStore } from '../../src/tiers/store/open.ts'
import type { Store } from '../../src/tiers/store/store.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { duck } from './archive/archive-support.ts'
import { events, movesOf } from './archive/life-support.ts'
import { run } from './exchange-support.ts'
import { createEvents, partitionOf } from './move-support.ts'
import { s3Options } from './store/store-support.ts'

const perDay = 1_400

describeOnEachVersion('cold rows that are read', (_version, database) => {
  let base = ''
  let db: Db
  let store: Store
  /** Of the session that was borrowed last, while it waits for something else. */
  let seen: string[] = []

  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), 'pgstrata-test-'))
    const first = database()
    await createEvents(first.db, events, perDay)
    const move = movesOf(first.db, { store: join(base, 'store'), work: join(base, 'work') })
    for (const day of [1, 2, 3, 4]) {
      await move(partitionOf(day), 'archive')
      await move(partitionOf(day), 'drop')
    }
    const limits = ['statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout']
    const known = await first.db.query<{ name: string }>(sql`select name from pg_settings where name = any(${limits})`)
    await run(first.db, ...known.rows.map(({ name }) => `alter database ${first.name} set ${name} = '50s'`))
    let session: Session | undefined
    const real = openDb({ url: first.url })
    db = {
      ...real,
      query: (statement) => real.query(statement),
      close: () => real.close(),
      withSession: (work) =>
        real.withSession(async (one) => {
          session = one
          return await work(one)
        }),
    }
    const look = async (): Promise<void> => {
      if (session === undefined) return
      const { rows } = await session.query<{ limits: string }>(sql`
        select string_agg(setting, ' ') as limits from pg_settings where name = any(${limits})`)
      seen.push(onlyRow({ rows, rowCount: 1 }).limits)
    }
    const folder = openStore({ to: join(base, 'store'), s3: s3Options('http://none') })
    store = {
      ...folder,
      get: async (key, path, signal) => {
        if (isHeld)
          await new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
        await look()
        return await folder.get(key, path, signal)
      },
    }
    looking = async (...asked) => {
      const one = await duck(...asked)
      return {
        ...one,
        run: async (statement) => {
          if (isLooked.test(statement)) await look()
          await one.run(statement)
        },
      }
    }
  })
  let isHeld = false
  let looking: DuckFactory = duck
  const isLooked = /^create or replace temp table|^copy \(select/
  beforeEach(() => {
    seen = []
    isHeld = false
  })
  afterAll(async () => {
    await db.close()
    await rm(base, { recursive: true, force: true })
  })

  const cold = (): ColdTools => ({
    storeAt: () => store,
    duck: looking,
    workDir: join(base, 'work'),
    cache: { dir: join(base, 'cache'), sizeBytes: 0 },
    clock: systemClock,
    close: () => undefined,
  })
  const reader = (): TierReader => createReader({ db, table: events, openCold: cold })
  const unlimited = (): boolean => seen.length > 0 && seen.every((limits) => /^0( 0)+$/.test(limits))

  test('no timeout of the role ends it', async () => {
    expect(await reader().count()).toBe(6 * perDay)
    expect(unlimited()).toBe(true)
    seen = []
    const query = { statement: 'select count(*) as n from events', live: 'all' } as const
    const cacheOf = (): ReturnType<typeof openFileCache> =>
      openFileCache({ ...cold().cache, store, clock: systemClock, owner: 'one' })
    const copied: string[] = []
    const counted = await queryArchives(
      { db, cacheOf, duck: looking, work: join(base, 'query') },
      query,
      async ({ rows }) => {
        copied.push(...seen)
        const all: unknown[] = []
        for await (const row of rows) all.push(row)
        return all
      },
    )
    expect(counted).toEqual([[String(6 * perDay)]])
    // What is fetched behind the transaction has the limits of the session.
    seen = copied.slice(0, 2)
    expect(unlimited()).toBe(true)
  })

  test('nor bringing it back into a table of its own, nor reading it back', async () => {
    const [archive] = await readArchives(db, {})
    if (archive?.content == null) throw new Error('There is no archive')
    const { columns, content } = archive
    const files = await readFiles(db, archive.id)
    const tools = { store, duck: looking, work: join(base, 'work') }
    await restoreInto(
      db,
      { ...tools, store: openStore({ to: join(base, 'store'), s3: s3Options('http://none') }) },
      {
        archived: { columns, content, files },
        into: { schema: 'public', table: 'looked' },
        without: [],
        renamed: {},
      },
    )
    expect(unlimited()).toBe(true)
    const [file] = files
    if (file === undefined) throw new Error('There is no file')
    seen = []
    const verdict = await db.withSession((session) => readBack(session, tools, { columns, file }))
    expect(verdict).toEqual({ kind: 'good' })
    // The file is fetched before the transaction.
    seen = seen.slice(1)
    expect(unlimited()).toBe(true)
  })

  test('what was read makes room for what comes next', async () => {
    const sizes: number[] = []
    let last = ''
    for await (const { at } of reader().in('cold').columns(['at']).rows({ batch: 500 })) {
      const day = (at as Date).toISOString().slice(0, 10)
      if (day !== last) sizes.push(await temporaryBytes(database().db))
      last = day
    }
    const [first = 0] = sizes
    expect(sizes.length).toBeGreaterThanOrEqual(4)
    expect(first).toBeGreaterThan(50_000)
    expect(Math.max(...sizes)).toBeLessThan(first * 1.5)
  })

  test('who does not want it any more does not wait for it', async () => {
    isHeld = true
    const wanted = new AbortController()
    const rows = reader().rows({ signal: wanted.signal })[Symbol.asyncIterator]()
    const first = rows.next()
    setImmediate(() => wanted.abort(new Error('Enough')))
    await expect(first).rejects.toThrow('Enough')
    isHeld = false
    expect(await reader().count()).toBe(6 * perDay)
  })
})

/** Of temporary tables, also of transactions that are open. */
async function temporaryBytes(on: Db): Promise<number> {
  const { rows } = await on.query<{ bytes: number }>(sql`
    select coalesce(sum((pg_stat_file(folder || name, true)).size), 0)::float8 as bytes
    from (select 'base/' || oid || '/' as folder from pg_database where datname = current_database()) as own
    cross join lateral pg_ls_dir(folder) as name
    where name ~ '^t[0-9]+_[0-9]+$'`)
  return onlyRow({ rows, rowCount: 1 }).bytes
}
