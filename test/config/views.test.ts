// `views` of a configuration: what is filled in, and what is refused at its place.

import { describe, expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'

function resolve(more: object): ReturnType<typeof resolveConfig> {
  return resolveConfig<unknown>(
    { database: { primary: 'postgresql://localhost/app' }, ...more },
    { root: '/app', name: 'pgstrata.config.ts' },
  )
}

describe('views in a configuration', () => {
  test('what is not said is filled in', () => {
    const views = {
      a: { sql: 'select 1 as n' },
      b: { sql: 'select 2 as n', schema: 'x', unique: ['n'], refresh: '15 minutes', dependsOn: ['a'] },
      c: { sql: 'select 3 as n', refresh: { cron: '0 3 * * *' } },
    }
    const plain = { schema: 'public', unique: [], indexes: [], refresh: undefined, tags: [], dependsOn: [] }
    expect(resolve({ views, jobs: { zone: 'Europe/Berlin' } }).views).toEqual([
      { ...plain, name: 'a', sql: 'select 1 as n' },
      {
        ...plain,
        name: 'b',
        sql: 'select 2 as n',
        schema: 'x',
        unique: ['n'],
        refresh: { everyMs: 900_000 },
        dependsOn: ['a'],
      },
      { ...plain, name: 'c', sql: 'select 3 as n', refresh: { cron: '0 3 * * *', zone: 'Europe/Berlin' } },
    ])
  })

  test.each<[string, object, RegExp]>([
    ['no sql', {}, /views\.v\.sql: expected string/],
    [
      'a key that there is not',
      { sql: 'select 1', concurrently: true },
      /views\.v\.concurrently: there is no such key/,
    ],
    ['no unique column', { sql: 'select 1', unique: [] }, /views\.v\.unique/],
    ['half a second', { sql: 'select 1', refresh: '500ms' }, /views\.v\.refresh: .*at least 1\.0 s/],
    ['no cron expression', { sql: 'select 1', refresh: { cron: 'daily' } }, /views\.v\.refresh\.cron: Not a cron/],
    [
      'a view that is not declared',
      { sql: 'select 1', dependsOn: ['w'] },
      /views\.v\.dependsOn: expected other views, got "w"/,
    ],
    ['itself', { sql: 'select 1', dependsOn: ['v'] }, /views\.v\.dependsOn: expected other views, got "v"/],
  ])('%s is refused at its place', (_what, written, message) => {
    expect(() => resolve({ views: { v: written } })).toThrow(message)
  })

  test('a name that a rollup takes is refused', () => {
    const measures = { n: { kind: 'count' } }
    const rollups = { plays_by: { from: 'plays', time: 'at', bucket: '1 hour', levels: ['day'], measures } }
    expect(() => resolve({ rollups, views: { plays_by_day: { sql: 'select 1' } } })).toThrow(/views\.plays_by_day/)
    expect(() => resolve({ rollups, views: { plays_by_parts: { sql: 'select 1' } } })).toThrow(
      /views\.plays_by_parts: rollup plays_by has something of that name/,
    )
  })
})
