// A span for each statement: what it says, which node it names, and when it began and ended.

import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, onTestFinished, test } from 'vitest'
import { StrataPool } from '../../src/db/pool/strata-pool.ts'
import type { QueryTrace } from '../../src/otel/index.ts'
import { observe, usePools } from './support.ts'

const pools = usePools()

function only(spans: readonly ReadableSpan[]): ReadableSpan {
  const [span, ...others] = spans
  if (span === undefined || others.length > 0)
    throw new Error(`Not one span: ${spans.map(({ name }) => name).join(', ')}`)
  return span
}

test('a read names the replica that served it', async () => {
  const pool = await pools.open()
  const { spans } = await observe()
  await pool.query('/* who */ select $1::int4 as n', [1])
  const span = only(spans())
  const url = new URL(pools.cluster().replicas[0]?.url() ?? '')
  expect(span.kind).toBe(SpanKind.CLIENT)
  expect(span.name).toBe('SELECT postgres')
  expect(span.status.code).toBe(SpanStatusCode.UNSET)
  expect(span.attributes).toEqual({
    'db.system.name': 'postgresql',
    'db.namespace': 'postgres',
    'db.operation.name': 'SELECT',
    'db.query.text': '/* who */ select $1::int4 as n',
    'server.address': url.hostname,
    'server.port': Number(url.port),
    'pgstrata.route': 'read',
    'pgstrata.node': 'replica-1',
    'pgstrata.reason': 'it may serve read and has the least to do',
    'pgstrata.lag_ms': expect.any(Number) as number,
    'pgstrata.retries': 0,
  })
})

test('a write, and each statement of a transaction, name the primary and why', async () => {
  const pool = await pools.open()
  await pool.query('create table if not exists spans (n int4)')
  const { spans } = await observe()
  await pool.query('insert into spans values (1)')
  const client = await pool.connect()
  await client.query('begin')
  await client.query('update spans set n = 2')
  await client.query('commit')
  client.release()
  const port = Number(new URL(pools.cluster().primary.url()).port)
  expect(
    spans().map(({ name, attributes }) => [
      name,
      attributes['pgstrata.node'],
      attributes['pgstrata.route'],
      attributes['server.port'],
    ]),
  ).toEqual([
    ['INSERT postgres', 'primary', 'write', port],
    ['BEGIN postgres', 'primary', 'write', port],
    ['UPDATE postgres', 'primary', 'write', port],
    ['COMMIT postgres', 'primary', 'write', port],
  ])
  for (const { attributes } of spans()) expect(attributes['pgstrata.reason']).toMatch(/\w/)
})

test('a single server is told of too, by pool and by client', async () => {
  const pool = await pools.open({ replicas: [] })
  const { spans } = await observe()
  await pool.query('select 1')
  const client = await pool.connect()
  await client.query('select 2')
  client.release()
  expect(spans().map(({ attributes }) => [attributes['db.query.text'], attributes['pgstrata.node']])).toEqual([
    ['select 1', 'primary'],
    ['select 2', 'primary'],
  ])
})

test('it begins and ends exactly when the pool says so', async () => {
  const pool = await pools.open()
  const ended: QueryTrace[] = []
  const keep = (message: unknown): void => void ended.push(message as QueryTrace)
  subscribe('pgstrata:query:end', keep)
  onTestFinished(() => void unsubscribe('pgstrata:query:end', keep))
  const { spans } = await observe()
  await pool.query('select pg_sleep(0.05)')
  const span = only(spans())
  const [trace] = ended
  const ms = ([seconds, nanos]: readonly [number, number]): number => seconds * 1_000 + nanos / 1e6
  expect(ms(span.startTime)).toBeCloseTo(trace?.startedAtMs ?? 0, 3)
  expect(ms(span.duration)).toBeCloseTo(trace?.durationMs ?? 0, 2)
  expect(ms(span.duration)).toBeGreaterThan(49)
})

test('what the server refuses: its SQLSTATE, and an error status', async () => {
  const pool = await pools.open()
  const { spans } = await observe()
  await expect(pool.query('select * from nowhere')).rejects.toMatchObject({ code: '42P01' })
  await expect(pool.query('nonsense')).rejects.toMatchObject({ code: '42601' })
  expect(
    spans().map(({ name, status, attributes }) => [
      name,
      status.code,
      attributes['error.type'],
      attributes['db.response.status_code'],
    ]),
  ).toEqual([
    ['SELECT postgres', SpanStatusCode.ERROR, '42P01', '42P01'],
    ['postgres', SpanStatusCode.ERROR, '42601', '42601'],
  ])
})

test('no connection: the node that was tried, its address, and the code of the error', async () => {
  const pool = new StrataPool({ host: '127.0.0.1', port: 1, database: 'd', user: 'u', password: 'hidden' })
  onTestFinished(() => pool.end())
  const { spans } = await observe()
  await expect(pool.query('select 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect(only(spans()).attributes).toMatchObject({
    'pgstrata.node': 'primary',
    'server.address': '127.0.0.1',
    'server.port': 1,
    'db.namespace': 'd',
    'error.type': 'ECONNREFUSED',
  })
})
