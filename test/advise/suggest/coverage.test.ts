// What is there already is not suggested again: an index that does what a candidate would, by its keys, their order, direction and
// class, its method, its condition, and only if it is valid.

import { expect, test } from 'vitest'
import { plainKey, type Candidate } from '../../../src/advise/suggest/candidate.ts'
import { findCovering } from '../../../src/advise/suggest/coverage.ts'
import type { Key } from '../../../src/advise/suggest/wants.ts'
import type { ColumnFacts, IndexFacts, IndexKey, TableFacts } from '../../../src/advise/plan/tables.ts'

const column = (name: string): ColumnFacts => ({
  name,
  type: 'text',
  category: 'S',
  isBytewise: false,
  isNotNull: true,
  isPlainType: true,
  stats: undefined,
})

const key = (name: string): Key => ({ text: `"${name}"`, column: column(name), columns: [name], calls: [], casts: [] })

const own = (name: string, more: Partial<IndexKey> = {}): IndexKey => ({
  definition: name,
  column: name,
  operatorClass: 'text_ops',
  isDefaultClass: true,
  descending: false,
  nullsFirst: false,
  ...more,
})

const index = (keys: readonly IndexKey[], more: Partial<IndexFacts> = {}): IndexFacts => ({
  name: 'there_idx',
  method: 'btree',
  isUnique: false,
  isValid: true,
  predicate: undefined,
  keys,
  include: [],
  sizeBytes: 8_192,
  ...more,
})

function candidate(there: IndexFacts, more: Partial<Candidate> = {}): Candidate {
  const table: TableFacts = {
    oid: '1',
    schema: 'public',
    name: 'songs',
    isPartitioned: false,
    rows: 10_000,
    pages: 100,
    sizeBytes: 819_200,
    visibleFraction: 1,
    changedRows: 0,
    analyzeBeyondRows: 1_000,
    hotRatio: undefined,
    fillfactor: 100,
    ownFillfactor: false,
    columns: [],
    indexes: [there],
  }
  const of = {
    level: 0,
    alias: 'songs',
    table,
    wants: [],
    either: [],
    order: [],
    limit: undefined,
    extreme: undefined,
    columns: undefined,
    changes: false,
  }
  const keys = [plainKey(key('a'), true), plainKey(key('b'), true)]
  return {
    of,
    method: 'btree',
    keys,
    include: [],
    where: undefined,
    serves: [],
    selectivity: 0.01,
    isOrdered: false,
    joins: undefined,
    ...more,
  }
}

const descending = { descending: true, nullsFirst: true }
const order = { keys: [plainKey(key('a'), true), plainKey(key('b'), false)], isOrdered: true }
const both = [own('a'), own('b')]
const pattern = { operatorClass: 'text_pattern_ops', isDefaultClass: false }
const lower: Key = { text: 'lower("a")', column: undefined, columns: ['a'], calls: ['lower'], casts: [] }

test.each<[string, IndexFacts, Partial<Candidate>, boolean]>([
  ['the same', index(both), {}, true],
  ['equal keys in another order', index([own('b'), own('a')]), {}, true],
  ['more keys behind', index([...both, own('c')]), {}, true],
  ['another key before', index([own('c'), ...both]), {}, false],
  ['fewer keys', index([own('a')]), {}, false],
  ['one that is not valid', index(both, { isValid: false }), {}, false],
  ['another method', index(both, { method: 'hash' }), {}, false],
  ['a partial one', index(both, { predicate: 'c' }), {}, false],
  ['a partial one of the same condition', index(both, { predicate: `(c = 'x'::text)` }), { where: `"c" = 'x'` }, true],
  ['a whole one for a partial candidate', index(both), { where: '"c"' }, true],
  ['the order, after what is equal', index(both), order, true],
  ['the order, read backwards', index([own('a'), own('b', descending)]), order, true],
  ['the order before what is equal', index([own('b'), own('a')]), order, false],
  ['nulls at the other end', index([own('a'), own('b', { nullsFirst: true })]), order, false],
  ['a class that compares otherwise', index([own('a', pattern), own('b')]), {}, false],
  [
    'the class that is asked for',
    index([own('a', pattern)]),
    { keys: [plainKey(key('a'), false, 'text_pattern_ops')] },
    true,
  ],
  [
    'the default class for another',
    index([own('a')]),
    { keys: [plainKey(key('a'), false, 'text_pattern_ops')] },
    false,
  ],
  [
    'an expression as the server prints it',
    index([own('a', { column: undefined, definition: 'lower((a)::text)' })]),
    { keys: [plainKey(lower, true)] },
    true,
  ],
  ['the column of an expression', index([own('a')]), { keys: [plainKey(lower, true)] }, false],
  [
    'the larger class of jsonb',
    index([own('a', { operatorClass: 'jsonb_ops' })], { method: 'gin' }),
    { method: 'gin', keys: [plainKey(key('a'), false, 'jsonb_path_ops')] },
    true,
  ],
])('%s', (_name, there, asked, covered) => {
  expect(findCovering(candidate(there, asked))).toBe(covered ? there : undefined)
})
