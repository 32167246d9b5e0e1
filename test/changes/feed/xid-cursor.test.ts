// Numbers of the feed: transaction ids around their wraparound, positions as text.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareCursors, formatCursor, parseCursor } from '../../../src/changes/feed/cursor.ts'
import { widenXid } from '../../../src/changes/feed/wal/xid.ts'
import { checkProperty } from '../../support/property.ts'

describe('an id of 32 bits', () => {
  test('is widened to the one of 64 bits that it was cut from, however the epoch has changed in between', async () => {
    const distance = fc.bigInt({ min: -(2n ** 31n) + 1n, max: 2n ** 31n - 1n })
    const edge = fc.constantFrom(0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 32n + 5n, 7n * 2n ** 32n)
    const full = fc.oneof(fc.bigInt({ min: 3n, max: 2n ** 63n }), edge)
    await checkProperty(
      'widening',
      fc.record({ full, distance }),
      (input) => {
        const reference = input.full + input.distance
        fc.pre(reference >= 0n)
        expect(widenXid(Number(input.full & 0xffffffffn), reference)).toBe(input.full)
      },
      { runs: 2_000 },
    )
  })

  test('is older or younger than the one it is compared with', () => {
    expect(widenXid(0xfffffff0, 2n ** 32n + 10n)).toBe(0xfffffff0n)
    expect(widenXid(5, 2n ** 32n - 10n)).toBe(2n ** 32n + 5n)
    expect(widenXid(700, 800n)).toBe(700n)
    expect(widenXid(900, 800n)).toBe(900n)
  })
})

describe('a position in the feed', () => {
  test('is read as it was written', async () => {
    const cursor = fc.record({
      epoch: fc.stringMatching(/^[0-9a-f]{12}$/),
      lsn: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      seq: fc.integer({ min: 0, max: 10 ** 9 }),
    })
    await checkProperty('cursors', cursor, (value) => {
      expect(parseCursor(formatCursor(value))).toEqual(value)
    })
  })

  test('is compared by number, and only within its epoch', () => {
    const at = (text: string): ReturnType<typeof parseCursor> => parseCursor(`000000000000:${text}`)
    expect(compareCursors(at('9:0'), at('10:0'))).toBe(-1)
    expect(compareCursors(at('10:10'), at('10:9'))).toBe(1)
    expect(compareCursors(at('10:9'), at('10:9'))).toBe(0)
    expect(compareCursors(at('1:0'), parseCursor('000000000001:1:0'))).toBeUndefined()
  })

  test.each([
    '',
    'a',
    '0123456789ab:1',
    '0123456789ab:1:0:0',
    '0123456789AB:1:0',
    '0123456789ab:01:0',
    '0123456789ab:1:00',
    '0123456789ab:1:-1',
    '0123456789ab:1:1e3',
    '0123456789ab: 1:0',
    '0123456789ab:1:0\n',
    '0123456789ab:11111111111111111:0',
    `0123456789ab:1:${'9'.repeat(16)}`,
  ])('%j is refused', (text) => {
    expect(() => parseCursor(text)).toThrow(expect.objectContaining({ code: 'FEED_CURSOR_INVALID' }))
  })
})
