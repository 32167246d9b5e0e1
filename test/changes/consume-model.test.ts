// Notes are carried over in batches of any size, at any time, while transactions are open that commit later or never, and pages
// are copied in between: when all is committed and taken, the copy equals the table.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  captureStatements,
  consume,
  consumptionSettings,
  type Capture,
  type LogCursor,
} from '../../src/changes/capture/index.ts'
import { onlyRow, type Db, type Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'

const keys = fc.integer({ min: 0, max: 7 })
const writer = fc.integer({ min: 0, max: 1 })
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('write' as const),
      writer,
      id: keys,
      at: fc.integer({ min: 0, max: 2 }),
      value: fc.nat(99),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('delete' as const), writer, id: keys }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('rekey' as const), writer, id: keys, to: keys }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('end' as const), writer, commit: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('consume' as const), limit: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('vacuum' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('copy' as const), pages: fc.integer({ min: 1, max: 2 }) }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

const capture: Capture = { id: 'model', schema: 'public', table: 'source', columns: ['id', 'at'], level: 'statement' }

describeOnEachVersion(
  'carrying changes over',
  (_version, database) => {
    test('in any order and any batches ends equal', async () => {
      const { db, url } = database()
      const writers = openDb({ url, max: 2 })
      await writers.withSession(async (first) =>
        writers.withSession((second) =>
          checkProperty(
            'carrying changes over',
            fc.array(step, { minLength: 5, maxLength: 40 }),
            (steps) => play(db, [first, second], steps),
            { runs: 60 },
          ),
        ),
      )
      await writers.close()
    })
  },
  async ({ db }) => {
    await db.query(sql`create schema pgstrata`)
    // Rows wide enough for several pages, so that copying by pages has pages to copy.
    await db.query(
      sql`create table source (id int, at int, value int, wide text default repeat('x', 3000), primary key (id))`,
    )
    await db.query(sql`alter table source alter column wide set storage plain`)
    await db.query(
      sql`create table copy (id int, at int, value int, wide text, primary key (id, at)) partition by list (at)`,
    )
    for (const at of [0, 1, 2])
      await db.query(sql.raw(`create table copy_${at} partition of copy for values in (${at})`))
    const { prepare, install } = captureStatements(capture)
    for (const statement of [...prepare, ...install]) await db.query(sql.raw(statement))
  },
)

async function play(db: Db, writers: readonly Session[], steps: readonly Step[]): Promise<void> {
  await db.query(sql.raw(`truncate source, copy, pgstrata.capture_model, pgstrata.capture_model_truncation`))
  await db.query(sql`insert into source (id, at, value) select g, g % 3, g from generate_series(0, 5) as g`)
  // What was there before the capture has no note, and is copied.
  await db.query(sql.raw(`truncate pgstrata.capture_model`))
  const { blocks } = onlyRow(
    await db.query<{ blocks: number }>(sql`select (pg_relation_size('source') / 8192)::int as blocks`),
  )
  let position = 0
  const copy = async (pages: number): Promise<void> => {
    const until = Math.min(blocks, position + pages)
    if (until > position) await copyPages(db, position, until)
    position = until
  }
  const cursor: LogCursor = { place: undefined }
  const open = [false, false]
  const end = async (seat: number, commit: boolean): Promise<void> => {
    if (open[seat] === true) await writers[seat]?.query(commit ? sql`commit` : sql`rollback`)
    open[seat] = false
  }
  const write = async (seat: number, text: string): Promise<void> => {
    if (open[seat] !== true) await writers[seat]?.query(sql.raw(`begin; set local lock_timeout = '20ms'`))
    open[seat] = true
    // The other writer may hold the row: then this transaction is over, and leaves nothing.
    await writers[seat]?.query(sql.raw(text)).catch(() => end(seat, false))
  }
  for (const one of steps) {
    if (one.type === 'write')
      await write(
        one.writer,
        `insert into source (id, at, value) values (${one.id}, ${one.at}, ${one.value}) on conflict (id) do update set at = excluded.at, value = excluded.value`,
      )
    else if (one.type === 'delete') await write(one.writer, `delete from source where id = ${one.id}`)
    else if (one.type === 'rekey') await write(one.writer, `update source set id = ${one.to} where id = ${one.id}`)
    else if (one.type === 'end') await end(one.writer, one.commit)
    else if (one.type === 'consume') await carry(db, one.limit, cursor)
    // Later notes come to lie in front of where the last batch ended.
    else if (one.type === 'vacuum') await db.query(sql`vacuum pgstrata.capture_model`)
    else await copy(one.pages)
  }
  for (const seat of [0, 1]) await end(seat, true)
  await copy(blocks)
  while ((await carry(db, 3, cursor)) === 3);
  const left = await db.query(sql`
    (select id, at, value from source except all select id, at, value from copy)
    union all
    (select id, at, value from copy except all select id, at, value from source)`)
  expect(left.rows).toEqual([])
}

async function carry(db: Db, limit: number, cursor: LogCursor): Promise<number> {
  return await steady(db, (session) =>
    consume(session, {
      capture,
      into: { schema: 'public', table: 'copy' },
      columns: ['id', 'at', 'value', 'wide'],
      limit,
      cursor,
    }),
  )
}

async function copyPages(db: Db, from: number, to: number): Promise<void> {
  await steady(db, (session) =>
    session.query(
      sql.raw(
        `insert into copy select id, at, value, wide from source where ctid >= '(${from},0)' and ctid < '(${to},0)' on conflict do nothing`,
      ),
    ),
  )
}

async function steady<T>(db: Db, work: (session: Session) => Promise<T>): Promise<T> {
  return await db.withSession(async (session) => {
    await session.query(
      sql.raw(`begin isolation level repeatable read; ${consumptionSettings}; lock table source in access share mode`),
    )
    const value = await work(session)
    await session.query(sql`commit`)
    onlyRow(await session.query(sql`select 1 as one`))
    return value
  })
}
