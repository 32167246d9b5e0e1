// `tables` of a configuration: what may be said, what is filled in, and that every mistake is told at its path.

import { expect, test } from 'vitest'
import { defineConfig, resolveConfig, type ResolvedConfig } from '../../src/config/index.ts'

const database = { primary: 'postgres://app@db.example/app' }
const resolve = (tables: unknown): ResolvedConfig =>
  resolveConfig({ database, tables }, { root: '/project', name: 'pgstrata.config.ts' })

test('what is declared is complete once resolved', () => {
  const archive = async (): Promise<void> => {}
  const config = resolveConfig(
    defineConfig({
      database,
      tables: {
        plays: { time: 'played_at', partition: 'month', ahead: 6, from: '2024-01-01', zone: 'UTC', retain: '2 years' },
        token_balances: { partition: { hash: 'wallet_id', into: 8 } },
        portfolio_snapshots: { time: 'captured_at', partition: ['month', { hash: 'wallet_id', into: 4 }] },
        events: { partition: { id: 'id', every: 10_000_000 }, retain: { count: 30 }, from: 0 },
        logs: {
          table: ['app', 'Logs'],
          time: 'id',
          partition: 'day',
          retain: { for: '90 days', grace: '2 hours', finally: 'keep', archive },
          indexes: {
            by_song: 'song_id, at desc',
            one: { on: 'key', unique: true, where: 'live', with: { fillfactor: 70 } },
          },
          storage: { fillfactor: 90 },
          statistics: { key: 1_000 },
          accept: ['wider-keys'],
          outside: 'default',
          brin: true,
          names: 'l_{period}',
        },
        sessions: { expire: 'expires_at < now()' },
        nonces: { expire: { where: 'used', every: '1 min', batch: 50 } },
      },
    }),
    { root: '/project', name: 'pgstrata.config.ts' },
  )
  expect(config.tables).toMatchObject([
    {
      key: 'plays',
      schema: 'public',
      table: 'plays',
      layout: { kind: 'time', column: 'played_at', grain: 'month', zone: 'UTC', split: undefined },
      ahead: 6,
      from: '2024-01-01',
      names: '{table}_{period}',
      outside: 'refuse',
      retain: { keep: { age: '2 years' }, grace: '1 day', finally: 'drop' },
      brin: false,
    },
    { layout: { kind: 'hash', column: 'wallet_id', into: 8 }, ahead: 0 },
    { layout: { kind: 'time', split: { column: 'wallet_id', into: 4 } }, ahead: 3 },
    { layout: { kind: 'id', column: 'id', step: 10_000_000n }, ahead: 2, from: '0', retain: { keep: { count: 30 } } },
    {
      schema: 'app',
      table: 'Logs',
      ahead: 7,
      retain: { keep: { age: '90 days' }, grace: '2 hours', finally: 'keep', archive },
      indexes: [
        { name: 'by_song', on: 'song_id, at desc', unique: false, method: 'btree', include: [], with: {} },
        { name: 'one', on: 'key', unique: true, where: 'live', with: { fillfactor: '70' } },
      ],
      storage: { fillfactor: '90' },
      statistics: { key: 1_000 },
      accept: ['wider-keys'],
      outside: 'default',
      brin: true,
      names: 'l_{period}',
    },
  ])
  expect(config.cleanups).toEqual([
    {
      key: 'sessions',
      schema: 'public',
      table: 'sessions',
      where: 'expires_at < now()',
      everyMs: 300_000,
      batchRows: 1_000,
    },
    { key: 'nonces', schema: 'public', table: 'nonces', where: 'used', everyMs: 60_000, batchRows: 50 },
  ])
  expect(resolve(undefined)).toMatchObject({ tables: [], cleanups: [] })
})

test.each(
  Object.entries({ hour: 24, day: 7, week: 4, month: 3, quarter: 2, year: 1 }).map(
    ([grain, ahead]) => [grain, ahead] as const,
  ),
)('partitions by the %s are made %i ahead', (partition, ahead) => {
  expect(resolve({ plays: { time: 'at', partition } }).tables[0]?.ahead).toBe(ahead)
})

test('a typo is an error where it stands, also to the compiler', () => {
  expect(() =>
    resolveConfig(
      // @ts-expect-error there is no key `colum`
      defineConfig({ database, tables: { plays: { partition: { hash: 'a', into: 2, colum: 'b' } } } }),
      { root: '/', name: 'c' },
    ),
  ).toThrow(/tables\.plays\.partition/)
})

test.each<[string, unknown, string]>([
  ['nothing to do', {}, 'tables.t: expected `partition` or `expire`, got neither'],
  [
    'a grain without time',
    { partition: 'month' },
    'tables.t.time: expected the column of time that partitions by the month go by, got nothing',
  ],
  [
    'time with hash alone',
    { time: 'at', partition: { hash: 'a', into: 2 } },
    'tables.t.time: expected nothing: partitions by hash alone have no time',
  ],
  ['an unknown grain', { time: 'at', partition: 'decade' }, 'tables.t.partition: '],
  [
    'one hash partition',
    { partition: { hash: 'a', into: 1 } },
    'tables.t.partition.into: Too small: expected number to be >=2, got 1',
  ],
  [
    'an hour in another zone',
    { time: 'at', partition: 'hour', zone: 'Europe/Berlin' },
    'tables.t.zone: expected UTC for partitions by the hour',
  ],
  [
    'an unknown zone',
    { time: 'at', partition: 'day', zone: 'Mars/Olympus' },
    'tables.t.zone: expected the name of a time zone',
  ],
  [
    'an offset as a zone',
    { time: 'at', partition: 'day', zone: '+02:00' },
    'tables.t.zone: expected the name of a time zone',
  ],
  [
    'names without the period',
    { time: 'at', partition: 'day', names: '{table}_x' },
    'tables.t.names: expected a name with {period} in it',
  ],
  [
    'names with an unknown part',
    { time: 'at', partition: 'day', names: '{period}{day}' },
    'tables.t.names: expected a name with {period} in it',
  ],
  ['the age of ids', { partition: { id: 'id', every: 10 }, retain: '90 days' }, 'tables.t.retain: expected `count`'],
  [
    'both rules',
    { time: 'at', partition: 'day', retain: { for: '1 day', count: 3 } },
    'tables.t.retain.count: expected `for` or `count`, got both',
  ],
  [
    'no rule',
    { time: 'at', partition: 'day', retain: { finally: 'keep' } },
    'tables.t.retain: expected `for` or `count`, got neither',
  ],
  [
    'a span of nothing',
    { time: 'at', partition: 'day', retain: 'soon' },
    "tables.t.retain: expected a span such as '12 hours', '90 days', '6 months' or '2 years', got \"soon\"",
  ],
  ['a span of no unit', { time: 'at', partition: 'day', retain: '90' }, 'tables.t.retain: expected a span'],
  ['a span below nothing', { time: 'at', partition: 'day', retain: '-90 days' }, 'tables.t.retain: expected a span'],
  [
    'retention of a hash',
    { partition: { hash: 'a', into: 2 }, retain: { count: 2 } },
    'tables.t.retain: expected nothing',
  ],
  [
    'a day that never was',
    { time: 'at', partition: 'day', from: '2024-02-31' },
    'tables.t.from: expected a day such as',
  ],
  [
    'an id that is none',
    { partition: { id: 'id', every: 10 }, from: 'one' },
    'tables.t.from: expected an id, got "one"',
  ],
  ['a step of nothing', { partition: { id: 'id', every: 0 } }, 'tables.t.partition.every: expected a whole number'],
  [
    'the hash of the time',
    { time: 'at', partition: ['day', { hash: 'at', into: 2 }] },
    'tables.t.partition: expected the hash of another column',
  ],
  ['keys of a layout without one', { expire: 'true', ahead: 2 }, 'tables.t.ahead: expected `partition` beside it'],
  ['an unknown consent', { time: 'at', partition: 'day', accept: ['all'] }, 'tables.t.accept[0]: expected'],
  ['an unknown key', { time: 'at', partition: 'day', premake: 4 }, 'tables.t.premake: there is no such key'],
  [
    'a name too long',
    { table: 'x'.repeat(64), time: 'at', partition: 'day' },
    'tables.t.table: expected a name of 1 to 63 bytes',
  ],
  [
    'an archive that is no function',
    { time: 'at', partition: 'day', retain: { count: 2, archive: 's3' } },
    'tables.t.retain.archive: expected a function, got string',
  ],
])('%s', (_what, written, complaint) => {
  expect(() => resolve({ t: written })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`pgstrata.config.ts: ${complaint}`),
    }),
  )
})

test('a table is declared once', () => {
  const one = { time: 'at', partition: 'day' }
  expect(() => resolve({ plays: one, other: { ...one, table: ['public', 'plays'] } })).toThrow(
    expect.objectContaining({
      message: expect.stringContaining(
        'tables.other: expected a table that is declared once; it is declared as "plays" too',
      ),
    }),
  )
})
