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
  await db.query(sql`create table pgstrata.metric_all partition of pgstrata.watch_metric default`)
})

const token = 'a token of sixteen characters'.replaceAll(' ', '-')

async function metrics(watch: object | undefined): Promise<{ readonly applications: unknown }> {
  const config = resolveConfig(
    { database: { primary: database().url }, ...(watch === undefined ? {} : { watch }) },
    { root: '/', name: 'test' },
  )
  const strata = openStrata(config)
  onTestFinished(() => strata.close())
  const server = await createServer(strata, { port: 0, tokens: { read: token } })
  onTestFinished(() => server.close())
  const answer = await fetch(`${await server.listen()}/database/metrics`, {
    headers: { authorization: `Bearer ${token}` },
  })
  expect(answer.status).toBe(200)
  return (await answer.json()) as { readonly applications: unknown }
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
    insert into pgstrata.watch_metric (at, node, metric, labels, value) values
      (now(), 'app', 'pgstrata_calls_per_second', '[]', 12.5),
      (now(), 'app', 'pgstrata_call_p95_seconds', '["s1"]', 0.25),
      (now(), 'app', 'pgstrata_call_error_ratio', '["s1"]', 0.5),
      (now(), 'app', 'pgstrata_pool_used_ratio', '["web:1"]', 0.75)`)
  expect((await metrics({})).applications).toEqual({
    callsPerSecond: 12.5,
    errorRatio: null,
    shapes: [{ shape: 's1', text: 'select $1', p95Ms: 250, p99Ms: null, maxMs: null, errorRatio: 0.5 }],
    processes: [{ process: 'web:1', poolUsedRatio: 0.75, poolWaiting: null, cacheHitRatio: null }],
  })
})
