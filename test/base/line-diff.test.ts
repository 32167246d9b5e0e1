import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { diffLines } from '../../src/base/line-diff.ts'
import { checkProperty } from '../support/property.ts'

describe('diffLines', () => {
  test('shows what was removed and added, with what stands around it', () => {
    const before = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].join('\n')
    const after = ['a', 'b', 'c', 'D', 'e', 'f', 'g'].join('\n')
    expect(diffLines(before, after, { context: 1 })).toEqual(['  c', '- d', '+ D', '  e'])
  })

  test('is empty for equal texts and bounded for long ones', () => {
    expect(diffLines('x\ny', 'x\ny')).toEqual([])
    const long = Array.from({ length: 500 }, (_, line) => `line ${line}`).join('\n')
    expect(diffLines('', long, { most: 10 })).toHaveLength(11)
  })

  test('its lines give back both texts', async () => {
    const lines = fc.array(fc.constantFrom('a', 'b', 'c', ''), { minLength: 1, maxLength: 12 })
    await checkProperty('diffLines', fc.tuple(lines, lines), ([before, after]) => {
      const [left, right] = [before.join('\n'), after.join('\n')]
      const diff = diffLines(left, right, { context: 1_000, most: 10_000 })
      if (left === right) return diff.length === 0
      const side = (mark: string): string =>
        diff
          .filter((line) => line.startsWith(mark) || line.startsWith('  '))
          .map((line) => line.slice(2))
          .join('\n')
      return side('- ') === left && side('+ ') === right
    })
  })
})
