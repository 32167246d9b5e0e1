// What all applications together went through, told by a server that runs none of their statements.

import { expect, onTestFinished, test } from 'vitest'
import { watchTables } from '../../src/catalog/schema/watch-tables.ts'
import { resolveConfig } from '../../src/config/index.ts'
import { createServer } from '../../src/server/index.ts'
import { openStrata } from '../../src/strata.ts'
import { sql } from '../../src/sql/sql.ts'
import { useDatabase } from '../support/postgres.ts'

const database = useDatabase(18, async ({ db }) => {
  await db.query(sql`create schema pgstrata`)
  for (const statement of watchTables) await db.query(sql.raw(statement))
  for (const table of ['metric', 'call', 'statement'])
    await db.query(
      sql`create table ${sql.ident('pgstrata', `${table}_all`)} partition of ${sql.ident('pgstrata', `watch_${table}`)} default`,
    )
})

const token = 'a token of sixteen characters'.replaceAll(' ', '-')

interface Answer {
  readonly applications: unknown
}

const metrics = (watch: object | undefined): Promise<Answer> => read('/database/metrics', watch)

async function read(path: string, watch: object | undefined): Promise<Answer> {
  const config = resolveConfig(
    { database: { primary: database().url }, ...(watch === undefined ? {} : { watch }) },
    { root: '/', name: 'test' },
  )
  const strata = openStrata(config)
  onTestFinished(() => strata.close())
  const server = await createServer(strata, { port: 0, tokens: { read: token } })
  onTestFinished(() => server.close())
  const answer = await fetch(`${await server.listen()}${path}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  expect(answer.status).toBe(200)
  return (await answer.json()) as Answer
}

test('their calls and pools are those that they told of; before that there is nothing, and without `watch` null', async () => {
  expect((await metrics(undefined)).applications).toBeNull()
  expect((await metrics({})).applications).toEqual({
    callsPerSecond: null,
    errorRatio: null,
    shapes: [],
    processes: [],
  })
  await database().db.query(sql`
    insert into pgstrata.watch_shape (shape, kind, text) values ('s1', 'statement', 'select $1');
    insert into pgstrata.watch_now (node, probe, at, every_ms, series) values
      ('app', 'calls', now(), 15000, '[["pgstrata_calls_per_second", [], 12.5, null], ["pgstrata_calls_error_ratio", [], null, null],
        ["pgstrata_call_p95_seconds", ["s1"], 0.25, null], ["pgstrata_call_error_ratio", ["s1"], 0.5, null]]'),
      ('app', 'applications', now(), 15000, '[["pgstrata_pool_used_ratio", ["web:1"], 0.75, null]]')`)
  expect((await metrics({})).applications).toEqual({
    callsPerSecond: 12.5,
    errorRatio: null,
    shapes: [{ shape: 's1', text: 'select $1', p95Ms: 250, p99Ms: null, maxMs: null, errorRatio: 0.5 }],
    processes: [{ process: 'web:1', poolUsedRatio: 0.75, poolWaiting: null, cacheHitRatio: null }],
  })
})

test.each(['/health/performance', '/database/query-analysis'])(
  '%s has the calls of all processes besides its own, and of none where nothing is stored',
  async (path) => {
    const { db } = database()
    await db.query(sql`delete from pgstrata.watch_call`)
    if (path === '/health/performance') {
      expect((await read(path, undefined)).applications).toBeNull()
      expect((await read(path, {})).applications).toMatchObject({ all: { calls: 0, maxMs: 0 }, shapes: [] })
    }
    // Two processes, 100 calls of a millisecond each, ten of them slow in the one; and a work of those.
    await db.query(sql`
      insert into pgstrata.watch_shape (shape, kind, text) values ('work:report', 'work', 'report') on conflict do nothing;
      insert into pgstrata.watch_call (at, node, shape, bin, calls, errors, seconds) values
        (now(), 'app', 's1', 79, 100, 2, 0.1),
        (now(), 'app', 's1', 79, 90, 0, 0.09),
        (now(), 'app', 's1', 159, 10, 3, 10),
        (now(), 'app', 'unknown', 63, 50, 0, 0.01),
        (now(), 'app', 'work:report', 160, 10, 0, 10.2),
        (now(), 'app', 'work:forgotten', 160, 10, 0, 10.2),
        (now(), 'app', 'work', 160, 10, 0, 10.2),
        (now() - interval '1 hour', 'app', 's1', 200, 1000, 0, 10000)`)
    const { applications } = (await read(path, {})) as {
      applications: {
        all: { calls: number; errors: number; meanMs: number; p50Ms: number; p99Ms: number; maxMs: number }
        shapes: { shape: string; kind: string | null; text: string | null; calls: number }[]
      }
    }
    const { all, shapes } = applications
    expect(all).toMatchObject({ calls: 250, errors: 5 })
    expect(all.meanMs).toBeCloseTo(10_200 / 250)
    expect(all.p50Ms).toBeCloseTo(2 ** (79.5 / 8) / 1_000)
    expect(all.p99Ms).toBeCloseTo(2 ** (159.5 / 8) / 1_000)
    expect(shapes).toMatchObject([
      { shape: 'work', calls: 10 },
      { shape: 'work:forgotten', kind: null, text: null, calls: 10 },
      { shape: 'work:report', kind: 'work', text: 'report', calls: 10 },
      { shape: 's1', kind: 'statement', text: 'select $1', calls: 200 },
      { shape: 'unknown', kind: null, text: null, calls: 50 },
    ])
  },
)
