// When a job is due. Pure: of a schedule and of moments that somebody else read off the database's clock.
//
// Invariants: ticks depend on the schedule alone, so all daemons mean the same ones; those of `everyMs` are the multiples
// since 1970. Of all that were missed the newest is due, and only that.
// Where clocks change, by croner's rules: a cron time without * and / in its hours, minutes and seconds that does not exist
// on a day comes at the first moment after the gap, and one that comes twice, the first time only. With a * or / it is
// left out where it does not exist, and comes twice where it comes twice.

import { Cron } from 'croner'
import { messageOf, StrataError } from '../base/errors.ts'
import { formatDuration } from '../base/units.ts'
import type { JobSchedule } from '../db/job.ts'

const shortestEveryMs = 1_000
/** Ten years: the next tick is a date. */
const longestEveryMs = 3_650 * 86_400_000

/** undefined: it never comes again. */
export function nextTickMs(schedule: JobSchedule, afterMs: number): number | undefined {
  if ('everyMs' in schedule) return (Math.floor(afterMs / schedule.everyMs) + 1) * schedule.everyMs
  return parseCron(schedule).nextRun(new Date(afterMs))?.getTime()
}

/** The newest tick after `sinceMs` that is not in the future. */
export function dueTickMs(schedule: JobSchedule, sinceMs: number, nowMs: number): number | undefined {
  if ('everyMs' in schedule) {
    const newestMs = Math.floor(nowMs / schedule.everyMs) * schedule.everyMs
    return newestMs > sinceMs ? newestMs : undefined
  }
  const cron = parseCron(schedule)
  const comesAfter = (fromMs: number): number | undefined => {
    const tickMs = cron.nextRun(new Date(fromMs))?.getTime()
    return tickMs !== undefined && tickMs <= nowMs ? tickMs : undefined
  }
  if (comesAfter(sinceMs) === undefined) return undefined
  return findNewest(comesAfter, sinceMs, nowMs)
}

/**
 * Three months of a tick a second are eight million: looks back twice as far each time, then halves. Some tick comes
 * after `fromMs`, none after `toMs`.
 */
function findNewest(comesAfter: (fromMs: number) => number | undefined, sinceMs: number, nowMs: number): number {
  let toMs = nowMs
  let fromMs = Math.max(sinceMs, nowMs - 1_000)
  while (comesAfter(fromMs) === undefined) {
    toMs = fromMs
    fromMs = Math.max(sinceMs, nowMs - 2 * (nowMs - fromMs))
  }
  while (toMs - fromMs > 1) {
    const middleMs = Math.floor((fromMs + toMs) / 2)
    if (comesAfter(middleMs) === undefined) toMs = middleMs
    else fromMs = middleMs
  }
  return comesAfter(fromMs) ?? nowMs
}

/** Text that two schedules share only if they mean the same ticks. */
export function describeSchedule(schedule: JobSchedule): string {
  return 'everyMs' in schedule ? `every ${describeEvery(schedule.everyMs)}` : `${schedule.cron} (${schedule.zone})`
}

const unitsMs: readonly (readonly [string, number])[] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
]

function describeEvery(everyMs: number): string {
  const [unit, unitMs] = unitsMs.find(([, length]) => everyMs % length === 0) ?? ['ms', 1]
  const count = everyMs / unitMs
  return unit === 'ms' ? `${count} ms` : `${count} ${unit}${count === 1 ? '' : 's'}`
}

/** Throws CONFIG_INVALID with the reason. */
export function checkSchedule(schedule: JobSchedule): void {
  if ('everyMs' in schedule) {
    const { everyMs } = schedule
    if (Number.isInteger(everyMs) && everyMs >= shortestEveryMs && everyMs <= longestEveryMs) return
    if (everyMs > longestEveryMs) {
      throw new StrataError('CONFIG_INVALID', {
        message: 'A job cannot run that seldom',
        expected: `at most ${formatDuration(longestEveryMs)}`,
        got: formatDuration(everyMs),
      })
    }
    throw new StrataError('CONFIG_INVALID', {
      message: 'A job cannot run that often',
      expected: `at least ${formatDuration(shortestEveryMs)}`,
      got: formatDuration(everyMs),
    })
  }
  checkZone(schedule.zone)
  try {
    if (parseCron(schedule).nextRun(new Date(0)) !== null) return
  } catch (error) {
    throw badCron(messageOf(error).replace(/^CronPattern: /, ''))
  }
  throw badCron('it never comes')
}

function badCron(reason: string): StrataError {
  return new StrataError('CONFIG_INVALID', {
    message: `Not a cron expression (${reason})`,
    expected: "five fields, or six with seconds in front, such as '0 3 * * *'",
  })
}

/** Throws CONFIG_INVALID unless the system knows the time zone. */
export function checkZone(zone: string): void {
  try {
    Intl.DateTimeFormat('en', { timeZone: zone })
  } catch {
    throw new StrataError('CONFIG_INVALID', {
      message: 'Not a time zone',
      expected: "a name of the IANA database, such as 'UTC' or 'Europe/Berlin'",
      got: JSON.stringify(zone.slice(0, 60)),
    })
  }
}

function parseCron({ cron, zone }: Extract<JobSchedule, { cron: string }>): Cron {
  return new Cron(cron, { timezone: zone, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard', paused: true })
}
