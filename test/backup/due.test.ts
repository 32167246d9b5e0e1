// Which backup is due: by their times, and by what there is.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findDue, type DueOptions } from '../../src/backup/due.ts'
import type { BackupKind } from '../../src/backup/index.ts'
import type { BackupRecord } from '../../src/backup/model/record.ts'
import { isDamageCounted } from '../../src/backup/run.ts'
import { nextTickMs } from '../../src/maintain/index.ts'
import { checkProperty } from '../support/property.ts'

const cron = (text: string): { cron: string; zone: string } => ({ cron: text, zone: 'UTC' })
const schedule: DueOptions['schedule'] = {
  full: cron('0 3 * * 0'),
  differential: cron('0 3 * * 1-6'),
  incremental: cron('0 * * * *'),
}

function record(kind: BackupKind, beganAt: string, error: string | null = null): BackupRecord {
  const at = new Date(beganAt)
  const sizes = { bytes: 1, storedBytes: 1, walFrom: '', walTo: '', error }
  return { label: beganAt, kind, beganAt: at, endedAt: at, ...sizes }
}

function dueAt(now: string, records: readonly BackupRecord[], times = schedule): string | undefined {
  const due = findDue({ schedule: times, records, nowMs: Date.parse(now), nextTickMs })
  return due === undefined ? undefined : `${due.kind} since ${new Date(due.sinceMs).toISOString().slice(0, 16)}`
}

test('without a full one that is due at once, also where others fail', () => {
  expect(dueAt('2026-11-18T12:30Z', [])).toBe('full since 2026-11-18T12:30')
  expect(dueAt('2026-11-18T12:30Z', [record('full', '2026-11-15T03:00Z', 'damaged')])).toMatch(/^full/)
})

test('a damaged one is made again at its next time or a day later, and not before', () => {
  const full = record('full', '2026-11-15T03:00:10Z')
  const damaged = record('full', '2026-11-22T03:00:10Z', 'damaged')
  const rare = { ...schedule, differential: undefined, incremental: undefined }
  expect(dueAt('2026-11-22T03:05Z', [full, damaged], rare)).toBeUndefined()
  expect(dueAt('2026-11-23T03:00Z', [full, damaged], rare)).toBeUndefined()
  expect(dueAt('2026-11-23T03:01Z', [full, damaged], rare)).toBe('full since 2026-11-23T03:00')
  const again = record('full', '2026-11-23T03:01Z', 'damaged')
  expect(dueAt('2026-11-23T03:06Z', [full, damaged, again], rare)).toBeUndefined()
  // Others go on.
  expect(dueAt('2026-11-22T04:00Z', [full, damaged])).toBe('incremental since 2026-11-22T04:00')
  const small = record('incremental', '2026-11-22T04:00:10Z', 'damaged')
  expect(dueAt('2026-11-22T04:59Z', [full, damaged, small])).toBeUndefined()
  expect(dueAt('2026-11-22T05:00Z', [full, damaged, small])).toBe('incremental since 2026-11-22T05:00')
})

test('nothing is removed while one of those that are counted is damaged', () => {
  const full = (day: number, error: string | null = null): BackupRecord =>
    record('full', `2026-11-${String(day).padStart(2, '0')}T03:00Z`, error)
  const small = (error: string | null): BackupRecord => record('differential', '2026-11-20T03:00Z', error)
  const one = { full: 1, differential: undefined }
  const two = { full: 2, differential: undefined }
  const later = [full(1), full(8, 'damaged'), full(9)]
  expect(isDamageCounted(later, two)).toBe(true)
  expect(isDamageCounted(later, one)).toBe(false)
  expect(isDamageCounted([...later, full(16)], two)).toBe(false)
  expect(isDamageCounted([full(1), small('damaged')], one)).toBe(false)
  expect(isDamageCounted([full(1), small('damaged'), small(null)], { full: 1, differential: 2 })).toBe(true)
  expect(isDamageCounted([full(1), small('damaged'), small(null)], { full: 1, differential: 1 })).toBe(false)
})

test('each kind counts for itself and for those that need more', () => {
  // 2026-11-15 is a Sunday.
  const full = record('full', '2026-11-15T03:00:10Z')
  expect(dueAt('2026-11-15T03:59Z', [full])).toBeUndefined()
  expect(dueAt('2026-11-15T04:00Z', [full])).toBe('incremental since 2026-11-15T04:00')
  expect(dueAt('2026-11-16T03:00Z', [full])).toBe('differential since 2026-11-16T03:00')
  expect(dueAt('2026-11-16T03:01Z', [full, record('differential', '2026-11-16T03:00:10Z')])).toBeUndefined()
  expect(dueAt('2026-11-22T03:00Z', [full, record('differential', '2026-11-21T03:00:10Z')])).toBe(
    'full since 2026-11-22T03:00',
  )
  expect(dueAt('2026-11-20T12:00Z', [full], { ...schedule, differential: undefined, incremental: undefined })).toBe(
    undefined,
  )
})

test('whoever makes what is due, whenever he looks, comes to an end', async () => {
  const gaps = fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 40 })
  await checkProperty('backups that are due', gaps, (minutes) => {
    let nowMs = Date.parse('2026-11-15T02:59Z')
    const records: BackupRecord[] = []
    for (const gap of minutes) {
      nowMs += gap * 60_000
      const due = findDue({ schedule, records, nowMs, nextTickMs })
      if (due === undefined) continue
      expect(due.sinceMs).toBeLessThanOrEqual(nowMs)
      records.push(record(due.kind, new Date(nowMs).toISOString(), gap % 3 === 0 ? 'damaged' : null))
      // One is enough: what is due and needs more is covered by it.
      expect(findDue({ schedule, records, nowMs, nextTickMs })).toBeUndefined()
    }
    expect(records[0]?.kind).toBe('full')
  })
})
