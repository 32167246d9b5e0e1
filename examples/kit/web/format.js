// @ts-check
// Numbers, amounts and times as people read them. In English, whatever the browser's language: the pages are.

/** Keeps a number and its unit on one line. */
const spaced = '\u00A0'

/**
 * 950, 12.3 k, 4.56 M
 * @param {number} value
 */
export function formatCount(value) {
  const size = Math.abs(value)
  for (const [least, divisor, unit] of steps) {
    if (size >= least) return `${short(value / divisor)}${spaced}${unit}`
  }
  return Number.isInteger(value) ? String(value) : short(value)
}

/** From where three digits would say the next unit. @type {readonly (readonly [number, number, string])[]} */
const steps = [
  [999_500_000_000, 1e12, 'T'],
  [999_500_000, 1e9, 'G'],
  [999_500, 1e6, 'M'],
  [1_000, 1e3, 'k'],
]

/** @param {number} value */
function short(value) {
  return formatDigits(value, 3)
}

/**
 * As many digits as say something, and never as 1e-7: 0.0423379 → 0.04234
 * @param {number} value
 * @param {number} digits
 */
export function formatDigits(value, digits) {
  return value.toLocaleString('en', { maximumSignificantDigits: digits, useGrouping: false })
}

/**
 * 12,345
 * @param {number | bigint} value
 */
export function formatNumber(value) {
  return value.toLocaleString('en')
}

/**
 * A decimal that came as text keeps every digit before the point: '1234567890123.5' → 1,234,567,890,123.50
 * @param {string | number | bigint} value
 * @param {{ unit?: string, decimals?: number }} [options]
 */
export function formatAmount(value, { unit = '', decimals = 2 } = {}) {
  const text = typeof value === 'number' ? value.toFixed(decimals) : String(value)
  const [, sign = '', whole = '0', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text) ?? []
  const grouped = whole.replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',')
  const shown = decimals === 0 ? '' : `.${fraction.slice(0, decimals).padEnd(decimals, '0')}`
  return `${sign === '' ? '' : '−'}${grouped}${shown}${unit === '' ? '' : `${spaced}${unit}`}`
}

/**
 * 0.1234 → 12.3 %
 * @param {number} share
 */
export function formatPercent(share) {
  const percent = share * 100
  const digits = percent !== 0 && Math.abs(percent) < 10 ? 1 : 0
  return `${percent.toFixed(digits)}${spaced}%`
}

/**
 * just now, 40 s ago, 5 min ago, 3 h ago, 2 d ago, then the date
 * @param {string | number | Date} time
 * @param {number} [nowMs]
 */
export function formatAgo(time, nowMs = Date.now()) {
  const seconds = Math.max(0, Math.round((nowMs - new Date(time).getTime()) / 1000))
  if (seconds < 10) return 'just now'
  if (seconds < 90) return `${seconds}${spaced}s ago`
  if (seconds < 5_400) return `${Math.round(seconds / 60)}${spaced}min ago`
  if (seconds < 129_600) return `${Math.round(seconds / 3_600)}${spaced}h ago`
  if (seconds < 864_000) return `${Math.round(seconds / 86_400)}${spaced}d ago`
  return formatDate(time)
}

/**
 * 22 Nov 2026
 * @param {string | number | Date} time
 */
export function formatDate(time) {
  return new Date(time).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })
}

/**
 * 22 Nov, 09:30
 * @param {string | number | Date} time
 */
export function formatTime(time) {
  return new Date(time).toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
}

/**
 * 950 ms, 12.3 s, 4 min, 2.5 h
 * @param {number} durationMs
 */
export function formatDuration(durationMs) {
  if (durationMs < 1_000) return `${Math.round(durationMs)}${spaced}ms`
  if (durationMs < 100_000) return `${short(durationMs / 1_000)}${spaced}s`
  if (durationMs < 5_400_000) return `${Math.round(durationMs / 60_000)}${spaced}min`
  return `${short(durationMs / 3_600_000)}${spaced}h`
}
