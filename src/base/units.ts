// Durations and sizes as people write them ('50ms', '30 days', '64MB') and as code uses them (milliseconds, bytes).

import { StrataError } from './errors.ts'

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  millisecond: 1,
  s: 1_000,
  sec: 1_000,
  second: 1_000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  week: 604_800_000,
}

const unitBytes: Readonly<Record<string, number>> = {
  b: 1,
  byte: 1,
  kb: 1_024,
  mb: 1_024 ** 2,
  gb: 1_024 ** 3,
  tb: 1_024 ** 4,
}

/** '50ms', '1s', '5 minutes', '30 days'. A number is milliseconds. */
export function parseDurationMs(input: string | number): number {
  return parseQuantity(input, unitMs, "a duration such as '50ms', '10s', '5 min' or '30 days'")
}

/** '64MB', '1 GB'; powers of 1024. A number is bytes. */
export function parseSizeBytes(input: string | number): number {
  return parseQuantity(input, unitBytes, "a size such as '64MB' or '1 GB'")
}

function parseQuantity(input: string | number, units: Readonly<Record<string, number>>, expected: string): number {
  if (typeof input === 'number') {
    if (Number.isFinite(input) && input >= 0) return input
  } else {
    const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(input)
    const unit = match?.[2]?.toLowerCase() ?? ''
    const factor = units[unit] ?? (unit.length > 2 ? units[unit.replace(/s$/, '')] : undefined)
    if (match?.[1] !== undefined && factor !== undefined) return Number(match[1]) * factor
  }
  throw new StrataError('VALUE_INVALID', { message: 'Not a quantity', expected, got: JSON.stringify(input) })
}

export function formatDuration(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`
  if (durationMs < 60_000) return `${(durationMs / 1_000).toFixed(1)} s`
  const minutes = Math.floor(durationMs / 60_000)
  if (minutes < 60) return `${minutes} min ${Math.round((durationMs % 60_000) / 1_000)} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.round(hours / 24)} days`
}

export function formatSize(sizeBytes: number): string {
  const names = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB']
  const power = Math.min(names.length - 1, sizeBytes < 1 ? 0 : Math.floor(Math.log2(sizeBytes) / 10))
  const scaled = sizeBytes / 1_024 ** power
  return `${scaled >= 100 || power === 0 ? Math.round(scaled) : scaled.toFixed(1)} ${names[power] ?? ''}`
}

export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en-US')} ${noun}${count === 1 ? '' : 's'}`
}
