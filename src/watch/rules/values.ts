// Values of metrics as people write and read them. The unit stands at the end of a metric's name, so nothing else has to say it.

import { formatDuration, formatSize, parseDurationMs, parseSizeBytes } from '../../base/units.ts'
import { StrataError } from '../../base/errors.ts'

type Unit = 'seconds' | 'bytes' | 'ratio' | 'number'

/** Of a counter the value is what is added per second. */
export function unitOf(metric: string): { readonly unit: Unit; readonly isRate: boolean } {
  const isRate = metric.endsWith('_total')
  const base = isRate ? metric.slice(0, -'_total'.length) : metric
  const unit = (['seconds', 'bytes', 'ratio'] as const).find((one) => base.endsWith(`_${one}`)) ?? 'number'
  return { unit, isRate }
}

/** 0.05, '50ms', '10MB', '80%', as fits the metric. */
export function parseValue(metric: string, value: number | string): number {
  if (typeof value === 'number') {
    if (Number.isFinite(value)) return value
    throw new StrataError('VALUE_INVALID', { message: 'Not a value', expected: 'a number', got: String(value) })
  }
  const { unit } = unitOf(metric)
  if (unit === 'seconds') return parseDurationMs(value) / 1_000
  if (unit === 'bytes') return parseSizeBytes(value)
  const share = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(value)?.[1]
  if (unit === 'ratio' && share !== undefined) return Number(share) / 100
  throw new StrataError('VALUE_INVALID', {
    message: 'Not a value',
    expected: unit === 'ratio' ? "a share such as 0.8 or '80%'" : 'a number',
    got: JSON.stringify(value),
  })
}

export function formatValue(metric: string, value: number): string {
  if (!Number.isFinite(value)) return String(value)
  const { unit, isRate } = unitOf(metric)
  const text = formatBase(unit, value)
  return isRate ? `${text} a second` : text
}

function formatBase(unit: Unit, value: number): string {
  switch (unit) {
    case 'seconds':
      return shortDuration(value * 1_000)
    case 'bytes':
      return formatSize(value).replace('.0 ', ' ')
    case 'ratio':
      return `${round(value * 100)}%`
    case 'number':
      return round(value)
  }
}

/** Three digits that mean something. */
function round(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en-US', { maximumFractionDigits: 6 })
}

/** Without what is nothing: '1 min', '30 s'. */
export function shortDuration(durationMs: number): string {
  return formatDuration(durationMs)
    .replace(/ 0 (s|min)$/, '')
    .replace('.0 s', ' s')
}
