// The parent of a statement's span is the span in which the statement was asked for, whatever connection or answer it
// had to wait for.

import pg from 'pg'
import { beforeAll, expect, test } from 'vitest'
import type { StrataPool } from '../../src/db/pool/strata-pool.ts'
import { observe, type Observed, useActiveContext, usePools } from './support.ts'

useActiveContext()
const pools = usePools()

beforeAll(async () => {
  const client = new pg.Client(pools.cluster().primary.url())
  await client.connect()
  await client.query('create table parents (n int4)')
  await client.end()
})

/** Several requests at once, each in a span of its own; every statement carries the number of its request. */
async function race(
  { within, spans }: Observed,
  work: (text: (sql: string) => string) => Promise<unknown>,
): Promise<void> {
  const parents = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      within(`request ${index}`, async (span) => {
        await work((sql) => `${sql} -- ${index}`)
        return span.spanContext().spanId
      }),
    ),
  )
  expect(spans().length).toBeGreaterThanOrEqual(8)
  for (const { attributes, parentSpanContext } of spans()) {
    const index = Number(/-- (\d)$/.exec(String(attributes['db.query.text']))?.[1])
    expect([attributes['db.query.text'], parentSpanContext?.spanId]).toEqual([
      attributes['db.query.text'],
      parents[index],
    ])
  }
}

async function withClient(pool: StrataPool, work: (query: (text: string) => Promise<unknown>) => Promise<void>) {
  const client = await pool.connect()
  try {
    await work((text) => client.query(text))
  } finally {
    client.release()
  }
}

test('statements of the pool that wait for a connection', async () => {
  const pool = await pools.open({ max: 1 })
  await race(await observe(), async (text) => {
    await pool.query(text('select 1'))
    await pool.query(text('insert into parents values (1)'))
  })
})

test('transactions of clients that wait for a connection', async () => {
  const pool = await pools.open({ max: 1 })
  await race(await observe(), (text) =>
    withClient(pool, async (query) => {
      await query(text('select 1'))
      await query(text('begin'))
      await query(text('insert into parents values (1)'))
      await query(text('commit'))
    }),
  )
})

test('transactions that only read', async () => {
  const pool = await pools.open({ max: 1 })
  await race(await observe(), (text) =>
    withClient(pool, async (query) => {
      await query(text('begin read only'))
      await query(text('select 1'))
      await query(text('commit'))
    }),
  )
})

test('statements that wait for one another on one client', async () => {
  const pool = await pools.open()
  await withClient(pool, async (query) => {
    await race(await observe(), async (text) => {
      await query(text('insert into parents values (1)'))
      await query(text('select 1'))
    })
  })
})
