// How long a large schema takes. Printed, and not asserted: machines differ. Only the number of queries is held: it
// must not grow with the number of tables.

import { performance } from 'node:perf_hooks'
import { expect, it } from 'vitest'
import { readObject, readSchema, renderSchema, restoreSchema } from '../../src/catalog/dump/index.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { describeOnEachVersion, testDatabase } from '../support/postgres.ts'
import { run } from './dump-support.ts'

/** A thousand with PGSTRATA_SOAK=1. */
const tables = process.env['PGSTRATA_SOAK'] === '1' ? 1_000 : 300

describeOnEachVersion(`a schema of ${tables} tables`, (version, database) => {
  it('is read in a fixed number of queries', async () => {
    const few = await countQueries(database().db)
    await createTables(database().db)
    expect(await countQueries(database().db)).toBe(few)
  })

  it('has its times printed', async () => {
    const started = performance.now()
    const objects = await readSchema(database().db)
    const readMs = performance.now() - started
    const text = renderSchema(objects)
    const renderedMs = performance.now() - started - readMs
    const objectStarted = performance.now()
    await readObject(database().db, { kind: 'table', schema: 'public', name: 't_100' })
    const objectMs = performance.now() - objectStarted
    const copy = await testDatabase(version)
    const restoreStarted = performance.now()
    await copy.db.withSession((session) => restoreSchema(session, objects))
    const restoreMs = performance.now() - restoreStarted
    await copy.close()
    console.log(
      `PostgreSQL ${version}, ${tables} tables, ${objects.length} objects, ${text.length} characters: ` +
        `read ${readMs.toFixed(0)} ms, rendered ${renderedMs.toFixed(0)} ms, restored ${restoreMs.toFixed(0)} ms; ` +
        `one table alone ${objectMs.toFixed(0)} ms`,
    )
    expect(objects.filter((object) => object.kind === 'table')).toHaveLength(tables + 200)
  })
})

async function createTables(db: Db): Promise<void> {
  await run(
    db,
    `do $$ begin
      for i in 1..${tables} - 1 loop
        execute format('create table t_%s (id bigint generated always as identity primary key, user_id bigint not null,
          name text default ''x'', at timestamptz not null default now(), payload jsonb, state text check (state <> ''y''))', i);
        execute format('create index on t_%s (user_id, at)', i);
        execute format('create index on t_%s (lower(name))', i);
      end loop;
      create table parted (id bigint, at timestamptz, primary key (id, at)) partition by range (id);
      for i in 1..200 loop
        execute format('create table parted_%s partition of parted for values from (%s) to (%s)', i, i, i + 1);
      end loop;
    end $$`,
  )
}

async function countQueries(db: Db): Promise<number> {
  let queries = 0
  await db.withSession(async (session) => {
    const counting: Session = {
      ...session,
      query: async (statement) => {
        queries++
        return await session.query(statement)
      },
    }
    await readSchema(counting)
  })
  return queries
}
