// Values of parameters appear nowhere, not even in what the server says about them; texts only where they are asked for.

import { expect, test } from 'vitest'
import { operationOf, shownText } from '../../src/otel/attributes.ts'
import { observe, usePools } from './support.ts'

const pools = usePools()
const secret = 'hunter2-of-the-user'

async function failAndSucceed(): Promise<void> {
  const pool = await pools.open()
  await pool.query('select $1::text', [secret])
  // 'invalid input syntax for type integer: "…"'
  await expect(pool.query('select ($1::text)::int4', [secret])).rejects.toThrow(secret)
  const client = await pool.connect()
  await client.query({ name: 'named', text: 'select $1::text', values: [secret] })
  client.release()
}

test('neither spans nor metrics carry a value', async () => {
  const { spans, metrics } = await observe()
  await failAndSucceed()
  const told = spans().map(({ name, attributes, status, events }) => ({ name, attributes, status, events }))
  expect(told.filter(({ status }) => status.message === '22P02')).toHaveLength(1)
  expect(JSON.stringify(told)).toContain('select $1::text')
  expect(JSON.stringify(told)).not.toContain(secret)
  expect(JSON.stringify(await metrics())).not.toContain(secret)
})

test('captureText: false leaves the texts out', async () => {
  const { spans, metrics } = await observe({ captureText: false })
  await failAndSucceed()
  expect(spans().map(({ attributes }) => attributes['db.operation.name'])).toContain('SELECT')
  expect(spans().flatMap(({ attributes }) => Object.keys(attributes))).not.toContain('db.query.text')
  expect(JSON.stringify(await metrics())).not.toContain('$1')
})

test('a text without end is cut', () => {
  const text = `insert into t values ${'(1),'.repeat(10_000)}`
  expect(shownText(text)).toBe(`${text.slice(0, 8_192)}…`)
  expect(shownText('select 1')).toBe('select 1')
})

test.each([
  ['select 1', 'SELECT'],
  ['  (SELECT 1) union all select 2', 'SELECT'],
  ['-- a line\n/* some */ -- more\n insert into t values (1)', 'INSERT'],
  [';;update t set n = 1', 'UPDATE'],
  ['with a as (select 1) select * from a', 'WITH'],
  ['checkpoint', 'CHECKPOINT'],
  ['', undefined],
  ['/* no end', undefined],
  ['-- no end', undefined],
  ['selector', undefined],
  ['checkpointer', undefined],
  ['somebody wrote this', undefined],
  ['/* one /* in */ another */ select 1', undefined],
])('the operation of %j', (text, operation) => {
  expect(operationOf(text)).toBe(operation)
})

test('a hundred thousand comments are read in one pass', () => {
  const text = '/* */'.repeat(100_000)
  const begun = performance.now()
  expect(operationOf(`${text}select 1`)).toBe('SELECT')
  expect(operationOf(text)).toBeUndefined()
  // 10 ms; a search that turns back would not end.
  expect(performance.now() - begun).toBeLessThan(2_000)
})
