import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { classify, cutBlocks, type Block, type PlacedStatement } from '../../src/plan/index.ts'
import { parseSql } from '../../src/sql/parse.ts'
import { checkProperty } from '../support/property.ts'

async function place(text: string): Promise<PlacedStatement[]> {
  return await Promise.all(
    (await parseSql(text)).map(async (statement) => ({ statement, placement: await classify(statement) })),
  )
}

const shape = (blocks: readonly Block[]): string =>
  blocks
    .map((block) =>
      block.kind === 'outside' ? `!${block.first}` : `${block.first}-${block.first + block.statements.length - 1}`,
    )
    .join(' ')

describe('cutBlocks', () => {
  test.each([
    ['select 1; select 2', '0-1'],
    ['select 1; vacuum; select 2', '0-0 !1 2-2'],
    ['create index concurrently i on t (a); drop index concurrently j', '!0 !1'],
    ["alter type m add value 'x'; select 1", '0-0 1-1'],
    ["alter type m rename value 'x' to 'y'; select 1", '0-1'],
    ['begin; select 1; commit; select 2; begin; select 3; select 4; commit', '1-1 3-3 5-6'],
    ['cluster; cluster t; reindex table t; reindex schema s; reindex table concurrently t', '!0 1-2 !3 !4'],
    ["create database d; analyze; create tablespace t location '/x'; alter system set a = 1", '!0 1-1 !2 !3'],
    ['alter table p detach partition c; alter table p detach partition c concurrently', '0-0 !1'],
    ['', ''],
  ])('%s → %s', async (text, expected) => {
    expect(shape(cutBlocks(await place(text)))).toBe(expected)
  })

  test('whatever was done, what is left is the tail of what there was', async () => {
    const pieces = [
      'select 1',
      'vacuum',
      'create index concurrently i on t (a)',
      "alter type m add value 'x'",
      'begin; select 2; select 3; commit',
    ]
    await checkProperty('cutBlocks', fc.array(fc.constantFrom(...pieces), { maxLength: 10 }), async (chosen) => {
      const script = await place(chosen.join(';\n'))
      const numbers = (from: number): number[] =>
        cutBlocks(script, from).flatMap((block) =>
          block.kind === 'outside' ? [block.first] : block.statements.map((_, index) => block.first + index),
        )
      const all = numbers(0)
      const marks = script.filter((item) => item.placement.where === 'mark').length
      expect(all).toHaveLength(script.length - marks)
      expect(all).toEqual(all.toSorted((left, right) => left - right))
      for (let from = 0; from <= script.length; from++)
        expect(numbers(from)).toEqual(all.filter((number) => number >= from))
    })
  })
})
