// What a node's part of a pool is weighted by, from what was measured of it in a time of `hoursBack` whole hours.
//
// Everything is a whole number of billionths, rounded down after each step, so that three ways of counting and two languages come to the
// same last unit:
//
//   success      = ok ÷ polls
//   availability = min(ok, expected) ÷ expected,  expected = pollsPerHour × hoursBack
//   contribution = success × availability
//   penalty      = max(floor, factor × factor × …),  as many factors as spot checks failed, at most `cap` of them
//   weight       = contribution × penalty
//
// Bounds: 0 ≤ weight ≤ 1,000,000,000. It is 0 below `minimumPolls` successful polls, and where the contribution is below
// `minimumContribution`. One more successful poll never makes it less; one more failed poll or spot check never makes it more.
// (That is why the minimum counts successful polls: with all polls, a failed one could lift a node over it.)

export interface PayoutFormula {
  /** What a failed spot check leaves, from 0 to 1. */
  readonly factor: number
  /** No penalty leaves less than this, from 0 to 1. */
  readonly floor: number
  /** Failed spot checks beyond so many cost nothing more. */
  readonly cap: number
  /** A node with fewer successful polls gets nothing. */
  readonly minimumPolls: number
  /** A node whose contribution is less gets nothing, from 0 to 1. */
  readonly minimumContribution: number
  /** Successful polls in an hour that count as always there. */
  readonly pollsPerHour: number
}

export const usualFormula: PayoutFormula = {
  factor: 0.8,
  floor: 0.1,
  cap: 10,
  minimumPolls: 1,
  minimumContribution: 0.01,
  pollsPerHour: 6,
}

/** What was counted of a node. */
export interface Counts {
  readonly polls: number
  readonly ok: number
  readonly failed: number
}

/** A formula for a time of so many hours: shares are billionths. */
export interface Weighing {
  readonly expected: bigint
  readonly minimumPolls: bigint
  readonly minimumContribution: bigint
  /** By failed spot checks; the last is for `cap` and more. */
  readonly penalties: readonly bigint[]
}

export const whole = 1_000_000_000n

/** `hoursBack`: whole hours, from 1. Refuses what is out of the bounds above. */
export function weigh(formula: PayoutFormula, hoursBack: number): Weighing {
  check('hoursBack', hoursBack, { least: 1, most: 8_784 })
  check('pollsPerHour', formula.pollsPerHour, { least: 1, most: 3_600 })
  check('minimumPolls', formula.minimumPolls, { least: 0, most: 1_000_000 })
  check('cap', formula.cap, { least: 0, most: 1_000 })
  return {
    expected: BigInt(formula.pollsPerHour) * BigInt(hoursBack),
    minimumPolls: BigInt(formula.minimumPolls),
    minimumContribution: shareOf('minimumContribution', formula.minimumContribution),
    penalties: penaltiesOf(formula),
  }
}

export function weightOf({ polls, ok, failed }: Counts, weighing: Weighing): bigint {
  const { expected, minimumPolls, minimumContribution, penalties } = weighing
  const successful = BigInt(ok)
  if (polls === 0 || ok === 0 || successful < minimumPolls) return 0n
  const success = (successful * whole) / BigInt(polls)
  const availability = ((successful < expected ? successful : expected) * whole) / expected
  const contribution = (success * availability) / whole
  if (contribution < minimumContribution) return 0n
  const penalty = penalties[Math.min(failed, penalties.length - 1)] ?? whole
  return (contribution * penalty) / whole
}

function penaltiesOf(formula: PayoutFormula): readonly bigint[] {
  const factor = shareOf('factor', formula.factor)
  const floor = shareOf('floor', formula.floor)
  const penalties = [whole]
  let power = whole
  for (let failed = 1; failed <= formula.cap; failed++) {
    power = (power * factor) / whole
    penalties.push(power > floor ? power : floor)
  }
  return penalties
}

function check(name: string, value: number, { least, most }: { least: number; most: number }): void {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new RangeError(`${name}: expected a whole number from ${least} to ${most}, got ${value}`)
}

function shareOf(name: string, share: number): bigint {
  if (!(share >= 0 && share <= 1)) throw new RangeError(`${name}: expected a number from 0 to 1, got ${share}`)
  return BigInt(Math.round(share * Number(whole)))
}
