import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JobSchedule } from '../../src/db/job.ts'
import { checkSchedule, describeSchedule, dueTickMs, nextTickMs } from '../../src/maintain/schedule.ts'
import { checkProperty } from '../support/property.ts'

const at = (text: string): number => Date.parse(text)
const cron = (text: string, zone = 'Europe/Berlin'): JobSchedule => ({ cron: text, zone })

/** The ticks from one moment to another, one after the other. */
function ticksBetween(schedule: JobSchedule, from: string, to: string): string[] {
  const ticks: string[] = []
  for (let next = nextTickMs(schedule, at(from)); next !== undefined && next <= at(to);) {
    ticks.push(new Date(next).toISOString().slice(5, 16))
    next = nextTickMs(schedule, next)
  }
  return ticks
}

describe('ticks', () => {
  test('of an interval are its multiples since 1970, whoever counts them', () => {
    const schedule = { everyMs: 90_000 }
    expect(nextTickMs(schedule, 0)).toBe(90_000)
    expect(nextTickMs(schedule, 89_999)).toBe(90_000)
    expect(nextTickMs(schedule, 90_000)).toBe(180_000)
    expect(dueTickMs(schedule, 90_000, 179_999)).toBeUndefined()
    expect(dueTickMs(schedule, 90_000, 180_000)).toBe(180_000)
  })

  test('missed in three months: only the newest is due', () => {
    const now = at('2026-06-15T12:34:56.789Z')
    const since = at('2026-03-15T00:00:00Z')
    expect(dueTickMs({ everyMs: 1_000 }, since, now)).toBe(at('2026-06-15T12:34:56Z'))
    expect(dueTickMs(cron('* * * * * *', 'UTC'), since, now)).toBe(at('2026-06-15T12:34:56Z'))
    expect(dueTickMs(cron('0 3 1 * *', 'UTC'), since, now)).toBe(at('2026-06-01T03:00:00Z'))
  })

  test('with the clock behind what was counted: nothing is due', () => {
    for (const schedule of [{ everyMs: 60_000 }, cron('* * * * *')])
      expect(dueTickMs(schedule, at('2027-01-01T00:00:00Z'), at('2026-01-01T00:00:00Z'))).toBeUndefined()
  })

  test('a time that does not exist comes at the first moment after the gap', () => {
    // 2026-03-29: 02:00 is 03:00, which is 01:00 UTC.
    expect(ticksBetween(cron('30 2 * * *'), '2026-03-28T12:00Z', '2026-03-30T12:00Z')).toEqual([
      '03-29T01:00',
      '03-30T00:30',
    ])
    expect(ticksBetween(cron('15,45 2 * * *'), '2026-03-28T12:00Z', '2026-03-29T12:00Z')).toEqual(['03-29T01:00'])
  })

  test('a time that comes twice is a tick the first time', () => {
    // 2026-10-25: 03:00 is 02:00 again, at 01:00 UTC.
    expect(ticksBetween(cron('30 2 * * *'), '2026-10-24T12:00Z', '2026-10-26T12:00Z')).toEqual([
      '10-25T00:30',
      '10-26T01:30',
    ])
  })

  test('steps are left out where their time does not exist, and come as often as their time does', () => {
    expect(ticksBetween(cron('*/30 2 * * *'), '2026-03-28T12:00Z', '2026-03-29T12:00Z')).toEqual([])
    expect(ticksBetween(cron('*/30 2 * * *'), '2026-10-24T12:00Z', '2026-10-25T12:00Z')).toEqual([
      '10-25T00:00',
      '10-25T00:30',
      '10-25T01:00',
      '10-25T01:30',
    ])
    // An hourly job runs every hour of either day.
    expect(ticksBetween(cron('30 * * * *'), '2026-03-29T00:00Z', '2026-03-29T03:00Z')).toHaveLength(3)
    expect(ticksBetween(cron('30 * * * *'), '2026-10-25T00:00Z', '2026-10-25T03:00Z')).toHaveLength(3)
  })
})

const crons = [
  '* * * * * *',
  '*/7 * * * *',
  '30 2 * * *',
  '15,45 1-3 * * *',
  '0 0 29 2 *',
  '* * 3 * * *',
  '0 12 * * mon',
]
const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Pacific/Apia']
const schedules = fc.oneof(
  fc.integer({ min: 1_000, max: 40 * 86_400_000 }).map((everyMs): JobSchedule => ({ everyMs })),
  fc.tuple(fc.constantFrom(...crons), fc.constantFrom(...zones)).map(([text, zone]) => cron(text, zone)),
)
const day = 86_400_000
/** Around the changes of the clocks as often as anywhere. */
const moments = fc
  .tuple(
    fc.constantFrom(...['2026-03-08', '2026-03-29', '2026-10-25', '2026-11-01', '2026-04-05', '2028-02-28'].map(at)),
    fc.integer({ min: -2 * day, max: 2 * day }),
  )
  .map(([start, offset]) => start + offset)

test('what is due is the newest tick, for any schedule, zone and moments', { timeout: 60_000 }, async () => {
  await checkProperty(
    'due ticks',
    fc.record({ schedule: schedules, since: moments, length: fc.integer({ min: 0, max: 3 * day }) }),
    ({ schedule, since, length }) => {
      const now = since + length
      const due = dueTickMs(schedule, since, now)
      const next = nextTickMs(schedule, since)
      if (due === undefined) return next === undefined || next > now
      const after = nextTickMs(schedule, due)
      expect(due).toBeGreaterThan(since)
      expect(due).toBeLessThanOrEqual(now)
      // No tick lies between it and now, and it is one: it is what comes next after the moment before it.
      expect(after === undefined || after > now).toBe(true)
      expect(nextTickMs(schedule, due - 1)).toBe(due)
      return true
    },
    { runs: 300 },
  )
})

test.each([
  [{ everyMs: 999 }, /at least 1\.0 s/],
  [{ everyMs: 1_000.5 }, /at least 1\.0 s/],
  [{ everyMs: 1e17 }, /at most 3650 days/],
  [cron('61 * * * *'), /Invalid value for minute: 61/],
  [cron('0 0 31 2 *'), /it never comes/],
  [cron('0 0 3 * * * 2027'), /Not a cron expression/],
  [cron('* * * * *', 'Mars/Olympus'), /Not a time zone.*"Mars\/Olympus"/],
])('%j is refused', (schedule, words) => {
  expect(() => checkSchedule(schedule)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  expect(() => checkSchedule(schedule)).toThrow(words)
})

test.each([
  [{ everyMs: 1_000 }, 'every 1 second'],
  [{ everyMs: 5 * 60_000 }, 'every 5 minutes'],
  [{ everyMs: 90_000 }, 'every 90 seconds'],
  [{ everyMs: 1_500 }, 'every 1500 ms'],
  [cron('@daily'), '@daily (Europe/Berlin)'],
])('%j is called %s', (schedule, text) => {
  expect(() => checkSchedule(schedule)).not.toThrow()
  expect(describeSchedule(schedule)).toBe(text)
})
