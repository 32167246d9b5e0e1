// Amounts: whole numbers of the smallest unit, exact from the column to the page. `bigint` here, `numeric(38, 0)` in the database,
// digits as text over the wire. Never a `number`: one holds no more than 9,007,199,254,740,991 of them.

/** What an amount of `numeric(38, 0)` may be at most. */
export const largestAmount: bigint = 10n ** 38n - 1n

/** Digits with an optional sign, as PostgreSQL and JSON have them. Anything else is refused. */
export function parseAmount(text: string): bigint {
  if (!/^-?\d{1,38}$/.test(text))
    throw new RangeError('An amount has to be a whole number of at most 38 digits, written as text, such as "1500"')
  return BigInt(text)
}

export function formatAmount(amount: bigint): string {
  return amount.toString()
}

export function sumOf(amounts: Iterable<bigint>): bigint {
  let total = 0n
  for (const amount of amounts) total += amount
  return total
}

export function least(one: bigint, other: bigint): bigint {
  return one < other ? one : other
}
