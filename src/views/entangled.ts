// Which steps of one plan may stand in it together. Each is planned from what is there now: what the server says of a text, who
// reads a view, what columns it has. So one that reads a view which another changes, or touches a view that another touches or
// will read, waits for the next look at it all; and so does one that takes a reader along whose own change has to come first. What is
// made anew at once, in one step, does not have to wait for each other. Pure.

import { isChange, wantedOf, type Known } from './known.ts'
import type { PlainPlan } from './plain-plan.ts'
import { identityOf } from './plain-queries.ts'

/** By name. */
interface Seen {
  /** Made anew or replaced, of those that are there. */
  readonly touched: Set<string>
  /** Of those, the ones that are to show something else. */
  readonly changing: Set<string>
  /** By the texts of those that are made. */
  readonly read: Set<string>
}

export interface Entanglements {
  /** The name of a view that it has to wait for; undefined: it stands in the plan. */
  take(name: string, planned: PlainPlan): string | undefined
}

const nothing = (): Seen => ({ touched: new Set(), changing: new Set(), read: new Set() })

/** `remakes`: names of those that are to be made anew, at once. */
export function createEntanglements(known: Known, remakes: ReadonlySet<string>): Entanglements {
  const [alone, atOnce] = [nothing(), nothing()]
  const upstreamOf = (name: string): readonly string[] => [...(known.upstream.get(name) ?? [])]
  return {
    take: (name, planned) => {
      const { steps, held, remake } = planned
      if (steps.length + held.length === 0 && !remake) return undefined
      const touches = touchedBy(name, planned, known)
      const along = touches.filter((other) => other !== name && isChange(other, known))
      const reads = along.flatMap(upstreamOf).filter((other) => other !== name)
      const others = remake ? [alone] : [alone, atOnce]
      const remade = remake ? remakes : new Set([name])
      const wanted = wantedOf(known, { readers: new Set(along), remade })
      const first =
        along.find((other) => !wanted.has(other)) ??
        upstreamOf(name).find((other) => alone.changing.has(other) || atOnce.changing.has(other)) ??
        reads.find((other) => others.some(({ changing }) => changing.has(other))) ??
        touches.find((other) => others.some(({ touched, read }) => touched.has(other) || read.has(other)))
      if (first !== undefined) return first
      const seen = remake ? atOnce : alone
      for (const other of touches) {
        seen.touched.add(other)
        if (isChange(other, known)) seen.changing.add(other)
      }
      if (touches.length > 0) for (const other of [...upstreamOf(name), ...reads]) seen.read.add(other)
      return undefined
    },
  }
}

/** It, if it is there, and those that go along. */
function touchedBy(name: string, planned: PlainPlan, { found, keptPlain }: Known): readonly string[] {
  const { steps, remake, carries = [] } = planned
  const changed = new Set([...carries, ...steps.flatMap(({ changes = [] }) => changes)])
  const isOwn = found.has(name) && (steps.length > 0 || remake)
  const others = keptPlain.filter((one) => one.name !== name && changed.has(identityOf(one)))
  return [...(isOwn ? [name] : []), ...others.map((one) => one.name)]
}
