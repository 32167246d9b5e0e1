// `watch` of a configuration: what is refused, and what it comes to.

import { expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/resolve.ts'
import { watchRollups, watchTables } from '../../src/strata/watch-tables.ts'

const resolve = (watch: unknown) =>
  resolveConfig({ database: { primary: 'postgres://app@localhost/app' }, watch }, { root: '/', name: 'test' }).watch

test('nothing is watched where nothing is said, and {} is enough', () => {
  expect(resolve(undefined)).toBe(undefined)
  expect(watchTables(undefined)).toEqual([])
  expect(watchRollups(undefined)).toEqual([])
  expect(resolve({})).toEqual({
    every: {},
    raw: '7 days',
    hours: '90 days',
    rawMs: 7 * 86_400_000,
    hoursMs: 90 * 86_400_000,
    pgbouncer: undefined,
    cores: undefined,
  })
})

test('intervals are of probes that there are', () => {
  expect(resolve({ every: { tables: '1 min', bloat: 'off' } })?.every).toEqual({ tables: 60_000, bloat: 'off' })
  expect(() => resolve({ every: { table: '1 min' } })).toThrow(
    /watch\.every\.table: expected the name of a probe: up, /,
  )
  expect(() => resolve({ every: { tables: '10ms' } })).toThrow(/at least '1s'/)
  expect(() => resolve({ every: { tables: 'often' } })).toThrow(/a duration/)
})

test.each(['1 hour', '0 days', 'for ever', '7'])('%s is not how long anything is kept', (raw) => {
  expect(() => resolve({ store: { raw } })).toThrow(/watch\.store\.raw/)
})

test('a URL that is refused is not shown', () => {
  expect(() => resolve({ pgbouncer: 'mysql://me:secret@host/pgbouncer' })).toThrow(/watch\.pgbouncer/)
  expect(() => resolve({ pgbouncer: 'mysql://me:secret@host/pgbouncer' })).not.toThrow(/secret/)
})

test('tables and hours are kept as long as is said; calls are told in their hours after a day', () => {
  const settings = resolve({ store: { raw: '3 days', hours: '1 year' } })
  expect(watchTables(settings).map(({ table, retain }) => [table, retain?.keep])).toEqual([
    ['watch_metric', { age: '3 days' }],
    ['watch_statement', { age: '3 days' }],
    ['watch_session', { age: '3 days' }],
    ['watch_call', { age: '1 day' }],
  ])
  expect(watchRollups(settings).every(({ retention }) => JSON.stringify(retention) === '{"keep":"1 year"}')).toBe(true)
})
