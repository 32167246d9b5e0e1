import { describe, expect, test } from 'vitest'
import { defineConfig, resolveConfig } from '../../src/config/index.ts'

const database = { primary: 'postgres://app@db.example/app' }
const resolve = (more: object): ReturnType<typeof resolveConfig>['rollups'] =>
  resolveConfig({ database, ...more }, { root: '/project', name: 'pgstrata.config.ts' }).rollups

const measures = { plays: { kind: 'count' } } as const

describe('rollups in a configuration', () => {
  test('are complete once resolved, with the column of time and the zone of their table', () => {
    const config = defineConfig({
      database,
      tables: { plays: { table: ['app', 'Plays'], time: 'played_at', partition: 'month', zone: 'Europe/Berlin' } },
      rollups: {
        song_plays: { from: 'plays', bucket: '15 minutes', by: ['song_id'], measures },
        earned: {
          from: ['app', 'payments'],
          where: 'paid',
          measures: { total: { kind: 'sum', of: 'amount', filter: 'x' } },
        },
        in_utc: { from: 'plays', bucket: '1 day', zone: 'UTC', time: 'at', measures },
      },
    })
    const plays = { name: 'plays', kind: 'count', of: undefined, filter: undefined, floats: false }
    expect(resolve(config)).toMatchObject([
      {
        name: 'song_plays',
        schema: 'app',
        table: 'Plays',
        bucket: { column: 'played_at', span: { unit: 'minute', count: 15 }, zone: 'Europe/Berlin' },
        by: ['song_id'],
        where: undefined,
        measures: [plays],
      },
      {
        name: 'earned',
        schema: 'app',
        table: 'payments',
        bucket: undefined,
        by: [],
        where: 'paid',
        measures: [{ name: 'total', kind: 'sum', of: 'amount', filter: 'x', floats: false }],
      },
      { name: 'in_utc', bucket: { column: 'at', span: { unit: 'day', count: 1 }, zone: 'UTC' } },
    ])
    expect(resolve({})).toEqual([])
  })

  test.each<[string, object, RegExp]>([
    [
      'a bucket that divides no hour',
      { from: 'plays', time: 'at', bucket: '7 minutes', measures },
      /rollups\.r\.bucket: expected '1 minute'/,
    ],
    ['two days', { from: 'plays', time: 'at', bucket: '2 days', measures }, /rollups\.r\.bucket/],
    [
      'a bucket of no column',
      { from: 'plays', bucket: '1 hour', measures },
      /rollups\.r\.time: expected the column of time/,
    ],
    ['no measure', { from: 'plays', measures: {} }, /rollups\.r\.measures: expected at least one/],
    [
      'a sum of nothing',
      { from: 'plays', measures: { s: { kind: 'sum' } } },
      /rollups\.r\.measures\.s\.of: expected of what/,
    ],
    [
      'an unknown measure',
      { from: 'plays', measures: { s: { kind: 'median', of: 'x' } } },
      /rollups\.r\.measures\.s\.kind/,
    ],
    ['no table', { measures }, /rollups\.r\.from/],
    ['a key that there is not', { from: 'plays', group: ['a'], measures }, /rollups\.r\.group: there is no such key/],
  ])('%s is refused at its place', (_what, written, message) => {
    expect(() => resolve({ rollups: { r: written } })).toThrow(message)
  })

  test('levels are those that are declared, the finest first, whatever their order', () => {
    const levelsOf = (levels: readonly string[]): unknown =>
      resolve({ rollups: { r: { from: 'plays', time: 'at', bucket: '1 hour', levels, measures } } })[0]?.levels
    expect(levelsOf(['month', 'day'])).toEqual(['day', 'month'])
    expect(levelsOf([])).toBeUndefined()
    expect(() => levelsOf(['minute'])).toThrow(/rollups\.r\.levels\[0\]/)
  })

  test('a level that is called like another rollup is refused', () => {
    const r = { from: 'plays', time: 'at', bucket: '1 hour', levels: ['day'], measures }
    expect(() => resolve({ rollups: { r, r_day: { from: 'plays', measures } } })).toThrow(/something called r_day/)
  })

  test.each(['song plays', 'x'.repeat(60), '1st'])('the name %s is refused', (name) => {
    expect(() => resolve({ rollups: { [name]: { from: 'plays', measures } } })).toThrow(/rollups/)
  })
})
