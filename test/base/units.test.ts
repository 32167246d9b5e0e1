import { expect, test } from 'vitest'
import { formatDuration, formatSize, parseDurationMs, parseSizeBytes, plural } from '../../src/base/units.ts'

test.each([
  ['50ms', 50],
  ['1s', 1_000],
  ['5 min', 300_000],
  ['5 minutes', 300_000],
  ['1.5 h', 5_400_000],
  ['30 days', 2_592_000_000],
  ['1 week', 604_800_000],
  [250, 250],
])('%s is %d ms', (input, expected) => {
  expect(parseDurationMs(input)).toBe(expected)
})

test.each(['', '10', 'ten seconds', '-1s', '5 parsecs', '1s ago', Number.NaN, -1, Number.POSITIVE_INFINITY])(
  '%s is no duration',
  (input) => {
    expect(() => parseDurationMs(input)).toThrow(/expected a duration such as .* got/)
  },
)

test('sizes are powers of 1024', () => {
  expect(parseSizeBytes('64MB')).toBe(64 * 1024 ** 2)
  expect(parseSizeBytes('1 GB')).toBe(1024 ** 3)
  expect(() => parseSizeBytes('1 elephant')).toThrow(/a size such as/)
})

test('what is formatted reads well', () => {
  expect([12, 1_500, 61_000, 3_660_000, 864_000_000].map(formatDuration)).toEqual([
    '12 ms',
    '1.5 s',
    '1 min 1 s',
    '1 h 1 min',
    '10 days',
  ])
  expect([0, 1_023, 1_536, 5 * 1024 ** 3].map(formatSize)).toEqual(['0 bytes', '1023 bytes', '1.5 kB', '5.0 GB'])
  expect([plural(1, 'row'), plural(1_200, 'row')]).toEqual(['1 row', '1,200 rows'])
})
