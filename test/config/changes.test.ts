// `changes` of a configuration: tables by name or with their schema, each once; what cannot be meant is refused with its path.

import { describe, expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'

const resolve = (changes: unknown): unknown =>
  resolveConfig({ database: { primary: 'postgres://a@b/c' }, changes }, { root: '/', name: 'test' }).changes

describe('changes', () => {
  test('tables stand in public or in the schema that is said, each once', () => {
    expect(resolve({ tables: ['songs', ['a.b', 'Odd "one"'], ['public', 'songs']], cap: '2GB' })).toEqual({
      tables: [
        { schema: 'public', table: 'songs' },
        { schema: 'a.b', table: 'Odd "one"' },
      ],
      source: 'auto',
      ownCapBytes: 2 * 1024 ** 3,
    })
    expect(resolve(undefined)).toBeUndefined()
  })

  test.each([
    [{ tables: [] }, 'changes.tables'],
    [{}, 'changes.tables'],
    [{ tables: ['songs'], source: 'kafka' }, 'changes.source'],
    [{ tables: ['songs'], cap: '5' }, 'changes.cap'],
    [{ tables: [''] }, 'changes.tables'],
    [{ tables: ['songs'], slot: 'mine' }, 'changes'],
  ])('%j is refused', (changes, path) => {
    expect(() => resolve(changes)).toThrow(path)
  })
})
