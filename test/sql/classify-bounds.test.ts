// What the classifier keeps is bounded, and what would break the parser does not reach it.

import { beforeAll, describe, expect, test } from 'vitest'
import { createClassifier, loadParser } from '../../src/sql/classify/index.ts'
import { createMemory } from '../../src/sql/classify/memory.ts'
import { isTooDeep } from '../../src/sql/nesting.ts'

beforeAll(loadParser)

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

describe('the memory', () => {
  test('never holds more texts than it may, and keeps those in use', () => {
    const classifier = createClassifier({ maxEntries: 100 })
    const first = classifier.classify('select 1 as kept')
    for (const index of range(1_000)) {
      classifier.classify(`select ${index}`)
      expect(classifier.size).toBeLessThanOrEqual(100)
      expect(classifier.classify('select 1 as kept')).toBe(first)
    }
    expect(classifier.size).toBeGreaterThanOrEqual(50)
    const last = classifier.classify('select 999')
    expect(classifier.classify('select 999')).toBe(last)
    const gone = classifier.classify('select 5')
    expect(classifier.classify('select 5')).toBe(gone)
  })

  test('forgets what nobody asks for', () => {
    const memory = createMemory<number>({ maxEntries: 10, maxCharacters: 1_000 })
    memory.set('a', 1)
    for (const index of range(10)) memory.set(`b${index}`, index)
    expect(memory.get('a')).toBeUndefined()
    expect(memory.get('b9')).toBe(9)
  })

  test('never holds more characters than it may, and counts them right', () => {
    const memory = createMemory<number>({ maxEntries: 1_000, maxCharacters: 1_000 })
    const texts = range(200).map((index) => `${index}`.padEnd((index * 37) % 400, 'x'))
    for (const text of texts) {
      memory.set(text, 1)
      expect(memory.characters).toBeLessThanOrEqual(1_000)
    }
    expect(memory.characters).toBeGreaterThan(300)
    memory.set('x'.repeat(501), 1)
    expect(memory.get('x'.repeat(501))).toBeUndefined()
    for (const text of texts) memory.delete(text)
    expect([memory.size, memory.characters]).toEqual([0, 0])
  })

  test('sets, replaces, deletes and clears', () => {
    const memory = createMemory<number>({ maxEntries: 4, maxCharacters: 100 })
    for (const index of range(3)) memory.set('a', index)
    expect([memory.get('a'), memory.size, memory.characters]).toEqual([2, 1, 1])
    memory.clear()
    expect([memory.get('a'), memory.size, memory.characters]).toEqual([undefined, 0, 0])
  })

  test('may be none at all', () => {
    const classifier = createClassifier({ maxEntries: 0 })
    expect(classifier.classify('select 1').route).toBe('read')
    expect(classifier.size).toBe(0)
  })
})

describe('a text that is too long', () => {
  test('is a write, and is not kept', () => {
    const classifier = createClassifier({ maxTextLength: 100 })
    const text = `select '${'x'.repeat(91)}'`
    expect(text.length).toBe(100)
    expect(classifier.classify(text).route).toBe('read')
    expect(classifier.classify(`${text} `)).toMatchObject({
      route: 'write',
      reason: 'too long to parse',
      keepsState: true,
      blockable: false,
    })
    classifier.learnWrite(`${text} `)
    expect(classifier.size).toBe(1)
  })

  test('by default is one of more than 100,000 characters', () => {
    const classifier = createClassifier()
    const values = range(14_000).map((index) => `${index}`)
    const text = `select * from plays where id in (${values.join(', ')})`
    expect(text.length).toBeLessThan(100_000)
    expect(classifier.classify(text).route).toBe('read')
    expect(classifier.classify(text.padEnd(100_001)).reason).toBe('too long to parse')
  })
})

describe('what is learned', () => {
  test('outlasts the memory and a change of the read functions', () => {
    const classifier = createClassifier({ maxEntries: 10 })
    expect(classifier.classify('select * from v').route).toBe('read')
    classifier.learnWrite('select * from v')
    expect(classifier.classify('select * from v')).toMatchObject({
      route: 'write',
      keepsState: false,
      preparable: true,
    })
    for (const index of range(100)) classifier.classify(`select ${index}`)
    expect(classifier.classify('select * from v').route).toBe('write')
    classifier.setReadFunctions([])
    expect(classifier.classify('select * from v').route).toBe('write')
  })

  test('is bounded: of very many the oldest are forgotten', () => {
    const classifier = createClassifier()
    for (const index of range(3_000)) classifier.learnWrite(`select ${index}`)
    const learned = range(3_000).filter((index) => classifier.classify(`select ${index}`).route === 'write')
    expect(learned.length).toBeLessThanOrEqual(1_000)
    expect(learned.length).toBeGreaterThanOrEqual(500)
    expect(learned[0]).toBeGreaterThanOrEqual(2_000)
    expect(learned.at(-1)).toBe(2_999)
  })
})

test('read functions can be replaced, and never speak for a built-in one', () => {
  const classifier = createClassifier({ readFunctions: ['f', 'nextval', 'pg_backend_pid'] })
  const routes = (): string[] =>
    ['select f()', 'select public.f()', `select nextval('a')`, 'select pg_backend_pid()'].map(
      (text) => classifier.classify(text).route,
    )
  expect(routes()).toEqual(['read', 'write', 'write', 'write'])
  classifier.setReadFunctions(new Set(['public.f']))
  expect(routes()).toEqual(['write', 'read', 'write', 'write'])
})

describe('deep texts', () => {
  const repeat = (part: string, times: number): string => part.repeat(times)
  const deep: Readonly<Record<string, string>> = {
    sum: `select ${repeat('1+', 40_000)}1`,
    casts: `select 1${repeat('::int', 19_000)}`,
    union: `select 1${repeat(' union select 1', 6_600)}`,
    joins: `select 1 from a${repeat(' join a on true', 6_600)}`,
    collations: `select a${repeat(' collate "c"', 8_300)}`,
    between: `select a${repeat(' between 1 and 2 is null', 4_100)}`,
    brackets: `select ${repeat('(', 49_000)}1${repeat(')', 49_000)}`,
    queries: `select ${repeat('(select ', 9_000)}1${repeat(')', 9_000)}`,
    calls: `select ${repeat('abs(', 19_000)}1${repeat(')', 19_000)}`,
    signs: `select ${repeat('- ', 49_000)}1`,
    arrays: `select ${repeat('array[', 14_000)}1${repeat(']', 14_000)}`,
    cases: `select ${repeat('case when a then ', 4_000)}1${repeat(' end', 4_000)}`,
    negations: `select ${repeat('not a between 1 and ', 4_900)}a`,
    'brackets to the left': `select ${repeat('(', 10)}1${repeat(`${repeat('+1', 1_900)})`, 10)}`,
    'cases to the left': `select ${repeat('case ', 10)}1${repeat(`${repeat('+1', 1_900)} when a then b end`, 10)}`,
  }

  test('are writes, and leave the parser whole however often they come', () => {
    const classifier = createClassifier({ maxEntries: 0 })
    for (const round of range(5)) {
      for (const [name, text] of Object.entries(deep)) {
        expect(text.length).toBeLessThanOrEqual(100_000)
        expect([name, round, classifier.classify(text)]).toMatchObject([
          name,
          round,
          { route: 'write', keepsState: true },
        ])
      }
      expect(classifier.classify('select * from plays where id = $1').route).toBe('read')
    }
    // One more failure of the parser than it is forgiven would have shown here.
    expect(Object.values(deep).map((text) => classifier.classify(text).reason)).not.toContain('the parser has failed')
  })

  test('long and flat ones are not among them', () => {
    const classifier = createClassifier()
    const flat = [
      `select * from plays where ${range(2_000)
        .map((index) => `(id = $${index + 1} and title = 'a + b - c')`)
        .join(' or ')}`,
      `select case ${range(1_500)
        .map((index) => `when id = ${index} then 'the title of ${index}'`)
        .join(' ')} end from plays`,
      `select * from plays where ${range(1_500)
        .map((index) => `(id between ${index} and ${index + 1}) or at between a and b`)
        .join(' or ')}`,
      `values ${range(7_000)
        .map((index) => `(${index}, 'x')`)
        .join(', ')}`,
      `select '${'+ 1 '.repeat(20_000)}'`,
      `select 1 /* ${'+ 1 '.repeat(20_000)} */`,
      `select ${range(1_000)
        .map((index) => `a.column_${index} + 1 as b_${index}`)
        .join(', ')} from plays a`,
    ]
    for (const text of flat) {
      expect(text.length).toBeGreaterThan(20_000)
      expect(isTooDeep(text)).toBe(false)
      expect(classifier.classify(text).reason).toBe('only reads')
    }
  })

  test('are told quickly, whatever stands in them', () => {
    const began = performance.now()
    for (const part of ['/*', "'", '"', '$a', '$$', '--', "e'\\", '((', '\0', "''", 'a '])
      isTooDeep(part.repeat(50_000))
    isTooDeep(
      range(20_000)
        .map((index) => `$a${index}$`)
        .join(' '),
    )
    expect(performance.now() - began).toBeLessThan(2_000)
  })
})
