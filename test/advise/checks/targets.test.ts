// What is proposed for a setting is worked out from what was counted, has a ceiling, and is the same when it is asked again.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxWalSizeFor } from '../../../src/advise/checks/checkpoints-requested.ts'
import { locksFor } from '../../../src/advise/checks/lock-pool.ts'
import { placesFor, statementsEvicted } from '../../../src/advise/checks/statements-evicted.ts'
import { gravityOf } from '../../../src/advise/checks/tools/define.ts'
import { workMemFor } from '../../../src/advise/checks/temp-files.ts'
import { checkProperty } from '../../support/property.ts'

const megabyte = 1_024 ** 2
const gigabyte = 1_024 ** 3

test('work_mem: what the mean file needs, up to a quarter of the memory over all connections', () => {
  const memoryBytes = 16 * gigabyte
  expect(workMemFor({ meanBytes: 4 * megabyte, memoryBytes, connections: 100 })).toEqual({
    wanted: 10 * megabyte,
    most: 40 * megabyte,
  })
  expect(workMemFor({ meanBytes: gigabyte, memoryBytes, connections: 100 }).wanted).toBe(40 * megabyte)
})

test('max_wal_size: the WAL of a checkpoint_timeout, in steps, at most 32 GB', () => {
  // 3.6 GB an hour are 300 MB in 300 s: × (1 + 0.9) × 1.25.
  const given = { walBytesPerHour: 3_600 * megabyte, timeoutSeconds: 300, completion: 0.9 }
  expect(maxWalSizeFor(given)).toBe(768 * megabyte)
  expect(maxWalSizeFor({ ...given, walBytesPerHour: 10_000 * gigabyte })).toBe(32 * gigabyte)
})

test('pg_stat_statements.max: what a day throws out besides; nothing where no size would do', () => {
  expect(placesFor({ places: 5_000, evictionsPerHour: 1 })).toBe(11_000)
  expect(placesFor({ places: 5_000, evictionsPerHour: 60 })).toBeUndefined()
})

test('max_locks_per_transaction: so that a quarter is taken', () => {
  expect(locksFor({ each: 64, usedRatio: 0.5 })).toBe(128)
  expect(locksFor({ each: 64, usedRatio: 0.9 })).toBe(256)
  expect(locksFor({ each: 4_096, usedRatio: 0.9 })).toBe(4_096)
})

test('work_mem and max_wal_size: in whole steps, and never beyond the ceiling, whatever was counted', async () => {
  const amount = fc.double({ min: 1, max: 1e15, noNaN: true })
  await checkProperty(
    'targets have a ceiling',
    fc.record({
      meanBytes: amount,
      memoryBytes: amount,
      connections: fc.integer({ min: 1, max: 10_000 }),
      wal: amount,
    }),
    ({ meanBytes, memoryBytes, connections, wal }) => {
      const { wanted, most } = workMemFor({ meanBytes, memoryBytes, connections })
      expect(wanted).toBeLessThanOrEqual(most)
      expect(wanted % megabyte).toBe(0)
      const size = maxWalSizeFor({ walBytesPerHour: wal, timeoutSeconds: 300, completion: 0.9 })
      expect(size).toBeLessThanOrEqual(32 * gigabyte)
      expect(size % (256 * megabyte)).toBe(0)
    },
  )
})

test('locks: raised once, the same locks are no finding any more, unless the ceiling is reached', async () => {
  await checkProperty(
    'locks settle',
    fc.record({ each: fc.integer({ min: 10, max: 4_096 }), usedRatio: fc.double({ min: 0.5, max: 1, noNaN: true }) }),
    ({ each, usedRatio }) => {
      const wanted = locksFor({ each, usedRatio })
      if (wanted < 4_096) expect((usedRatio * each) / wanted).toBeLessThanOrEqual(0.25)
    },
  )
})

test('pg_stat_statements.max: carried out by a restart and asked again at any hour after it, nothing more is wanted', async () => {
  await checkProperty(
    'places settle',
    fc.record({
      places: fc.integer({ min: 100, max: 3_000 }),
      evictionsPerHour: fc.double({ min: 1, max: 24, noNaN: true }),
    }),
    ({ places, evictionsPerHour }) => {
      const wanted = placesFor({ places, evictionsPerHour })
      if (wanted === undefined) return
      expect(wanted).toBeGreaterThan(places)
      // As many statements an hour are new as had to be thrown out, 5 % at a time; what is kept is there after the restart.
      const newPerMinute = (places * 0.05 * evictionsPerHour) / 60
      let kept = places
      const evictedAt: number[] = []
      let mostPerHour = 0
      for (let minute = 1; minute <= 72 * 60; minute += 1) {
        kept += newPerMinute
        while (kept > wanted) {
          kept -= wanted * 0.05
          evictedAt.push(minute)
        }
        if (minute < 60) continue
        // Read is the last day, as far as the server runs.
        const hours = Math.min(minute / 60, 24)
        while ((evictedAt[0] ?? minute) <= minute - hours * 60) evictedAt.shift()
        mostPerHour = Math.max(mostPerHour, evictedAt.length / hours)
      }
      expect(gravityOf(mostPerHour, statementsEvicted.limits)).toBeUndefined()
    },
  )
})
