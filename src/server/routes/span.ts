// The time a question is about, and how finely it is cut.

import type { Clock } from '../../base/clock.ts'
import { invalidValue } from '../errors.ts'
import type { Span } from '../sources.ts'

const hourMs = 3_600_000
const longestMs = 400 * 24 * hourMs
const mostPoints = 1_000
const usualPoints = 300
/** Readings come every 15 s at the most often. */
const leastStepMs = 15_000

/** The last hour unless told; whole seconds, so that who asks at the same time asks the same. */
export function chooseSpan({ from, to }: { readonly from?: string; readonly to?: string }, clock: Clock): Span {
  const toMs = to === undefined ? Math.floor(clock.now() / 1_000) * 1_000 : Date.parse(to)
  const fromMs = from === undefined ? toMs - hourMs : Date.parse(from)
  if (fromMs >= toMs) throw invalidValue({ path: 'query.from', expected: 'a time before `to`' })
  if (toMs - fromMs > longestMs) throw invalidValue({ path: 'query.from', expected: 'a time within 400 days of `to`' })
  return { fromMs, toMs }
}

export function chooseStepMs(stepSeconds: number | undefined, { fromMs, toMs }: Span): number {
  const spanMs = toMs - fromMs
  if (stepSeconds === undefined)
    return Math.max(leastStepMs, Math.ceil(spanMs / usualPoints / leastStepMs) * leastStepMs)
  const stepMs = stepSeconds * 1_000
  if (spanMs / stepMs <= mostPoints) return stepMs
  throw invalidValue({
    path: 'query.step',
    expected: `at least ${Math.ceil(spanMs / mostPoints / 1_000)} seconds, for at most ${mostPoints} points`,
  })
}
