// Amounts as text, exact: checked at the edge, and computed with as whole numbers of the smallest unit. A double has 15 digits; a
// quantity of a token has up to 38.

/** Digits behind the point that US dollars are kept with. */
const usdScale = 8

const decimalForm = /^(-?)(\d+)(?:\.(\d+))?$/

/** Of `'12.5'` with 8 digits behind the point: 1250000000n. What has more digits than that is cut off. */
export function toUnits(text: string, scale: number = usdScale): bigint {
  const [, sign, whole, fraction = ''] = decimalForm.exec(text) ?? []
  if (whole === undefined) throw new TypeError(`An amount: expected a decimal number, got ${text.length} characters`)
  const units = BigInt(whole + fraction.slice(0, scale).padEnd(scale, '0'))
  return sign === '-' ? -units : units
}

/** As PostgreSQL writes a numeric of that scale. */
export function toText(units: bigint, scale: number = usdScale): string {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return units < 0n ? `-${text}` : text
}

export interface AmountLimits {
  /** Digits before the point, and behind it. */
  readonly whole: number
  readonly fraction: number
}

/** Zero or more, with no more digits than the column has: nothing is rounded. */
export function isAmount(given: unknown, { whole, fraction }: AmountLimits): given is string {
  if (typeof given !== 'string' || given.length > 80) return false
  const [, sign, digits, behind = ''] = decimalForm.exec(given) ?? []
  return (
    sign === '' && digits !== undefined && digits.replace(/^0+(?=\d)/, '').length <= whole && behind.length <= fraction
  )
}
