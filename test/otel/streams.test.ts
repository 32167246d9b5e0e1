// Cursors, query streams, COPY and batches have spans as other statements have: from when they set out until their connection is
// ready again, in the context of their caller, with the error they end with.

import { SpanStatusCode, trace } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { from as copyFrom } from 'pg-copy-streams'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { createQueryApi } from '../../src/db/query/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { waitUntil } from '../support/wait.ts'
import { observe, usePools } from './support.ts'

const pools = usePools()

const told = (spans: readonly ReadableSpan[]): readonly (readonly [unknown, unknown, boolean])[] =>
  spans.map(({ attributes, status }) => [
    attributes['db.query.text'],
    attributes['pgstrata.node'],
    status.code === SpanStatusCode.ERROR,
  ])

test('a stream of the pool has a span, which ends when it was read, closed or refused', async () => {
  const pool = await pools.open()
  const { spans } = await observe()
  for await (const _row of pool.query(new QueryStream('select n from generate_series(1, 30) n')));
  const cursor = pool.query(new Cursor('select n from generate_series(1, 40) n'))
  await cursor.read(1)
  expect(spans()).toHaveLength(1)
  await cursor.close()
  const refused = pool.query(new Cursor('select 1 / 0'))
  await expect(refused.read(1)).rejects.toMatchObject({ code: '22012' })
  await waitUntil(() => spans().length === 3, { what: 'three spans' })
  expect(told(spans())).toEqual([
    ['select n from generate_series(1, 30) n', 'replica-1', false],
    ['select n from generate_series(1, 40) n', 'replica-1', false],
    ['select 1 / 0', 'replica-1', true],
  ])
})

test('a COPY in a transaction, and each statement of a batch, have theirs', async () => {
  const pool = await pools.open()
  await pool.query('create table if not exists copied (n int4)')
  const { spans } = await observe()
  const client = await pool.connect()
  await client.query('begin')
  await pipeline(Readable.from(['1\n2\n']), client.query(copyFrom('copy copied from stdin')))
  await client.query('commit')
  client.release()
  expect(told(spans())).toEqual([
    ['begin', 'primary', false],
    ['copy copied from stdin', 'primary', false],
    ['commit', 'primary', false],
  ])
  const { batch } = createQueryApi(pool, { clock: systemClock, random: seededRandom(1) })
  await batch([sql`insert into copied values (3)`, sql`select count(*) from copied`])
  expect(told(spans()).filter(([text]) => String(text).includes('copied') && !String(text).startsWith('copy'))).toEqual(
    [
      ['insert into copied values (3)', 'primary', false],
      ['select count(*) from copied', 'primary', false],
    ],
  )
})

test('its span is a child of the span that was active where it was made', async () => {
  const pool = await pools.open({ max: 1 })
  const { spans } = await observe()
  const tracer = trace.getTracer('test')
  const blocking = pool.query({ text: 'select pg_sleep(0.1)', route: 'read' })
  await tracer.startActiveSpan('request', async (span) => {
    // It waits for the connection, and is handed it in the context of somebody else.
    for await (const _row of pool.query(new QueryStream('select n from generate_series(1, 3) n')));
    span.end()
  })
  await blocking
  const request = spans().find(({ name }) => name === 'request')
  const stream = spans().find(
    ({ attributes }) => attributes['db.query.text'] === 'select n from generate_series(1, 3) n',
  )
  expect(stream?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId)
})

test('one that no connection could be had for has a span with the error', async () => {
  const pool = await pools.open()
  await pool.end()
  const { spans } = await observe()
  const cursor = pool.query(new Cursor('select 1 as late'))
  await expect(cursor.read(1)).rejects.toThrow('after calling end')
  expect(told(spans())).toEqual([['select 1 as late', undefined, true]])
})
