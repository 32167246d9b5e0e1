// One check on one server: its findings, or why there are none.

import type { Session } from '../db/db.ts'
import { isConnectionLost } from '../sql/sqlstate.ts'
import type { NodeFacts } from '../watch/index.ts'
import { askOnce, reasonOf } from './ask-node.ts'
import type { Check, Finding, Limits, OtherNode } from './model.ts'

export type CheckOutcome =
  | { readonly findings: readonly Finding[] }
  | {
      readonly findings?: undefined
      /** 'not available because …' */
      readonly why: string
      readonly isLost: boolean
    }

export interface CheckGiven {
  readonly facts: NodeFacts
  readonly others: readonly OtherNode[]
  /** In place of a check's own, by its name. */
  readonly limits: Readonly<Record<string, Limits>>
}

export async function runCheck(
  session: Session,
  check: Check,
  { facts, others, limits }: CheckGiven,
): Promise<CheckOutcome> {
  const unavailable = check.unavailable(facts)
  if (unavailable !== undefined) return { why: unavailable, isLost: false }
  const own = limits[check.name]
  try {
    const found = await askOnce(session, (on) =>
      check.run({ on, facts, others, ...(own === undefined ? {} : { limits: own }) }),
    )
    return 'notKnown' in found ? { why: `not available ${found.notKnown}`, isLost: false } : { findings: found }
  } catch (error) {
    return { why: `not available ${reasonOf(error)}`, isLost: isConnectionLost(error) }
  }
}
