// From where on a monitor says something. Names and units are those of the application's code: milliseconds, per cent, hours.

import { StrataError } from '../../base/errors.ts'

export interface MonitorThresholds {
  /** A statement that takes longer is slow. Default 50. */
  slowQueryMs: number
  /** Per cent of the pool's connections in use. Default 80. */
  connectionPoolWarning: number
  /** A materialized view that was true longer ago is stale. Default 1. */
  materialized_view_staleness_hours: number
  /** Per cent of the blocks found in shared buffers. Default 90. */
  cacheHitRatioWarning: number
  /** How far a replica may be behind. Default 1000. */
  replicaLagMs: number
}

export const defaultThresholds: MonitorThresholds = {
  slowQueryMs: 50,
  connectionPoolWarning: 80,
  materialized_view_staleness_hours: 1,
  cacheHitRatioWarning: 90,
  replicaLagMs: 1_000,
}

const perCent: ReadonlySet<string> = new Set(['connectionPoolWarning', 'cacheHitRatioWarning'])

/** Throws on a name that is none of them, and on a value that could never be reached. */
export function checkThresholds(given: Partial<MonitorThresholds>): Partial<MonitorThresholds> {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(defaultThresholds, name)) {
      throw invalid('Not a threshold', Object.keys(defaultThresholds).join(', '), JSON.stringify(name))
    }
    const most = perCent.has(name) ? 100 : Number.MAX_SAFE_INTEGER
    if (typeof value !== 'number' || !(value >= 0 && value <= most)) {
      throw invalid(name, `a number from 0${most === 100 ? ' to 100' : ''}`, String(value))
    }
  }
  return given
}

function invalid(message: string, expected: string, got: string): StrataError {
  return new StrataError('VALUE_INVALID', { message, expected, got })
}
