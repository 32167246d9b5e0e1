// Views that are declared no more, of both kinds: what reads another goes first.

import { readDependants } from '../catalog/dependants.ts'
import type { Session } from '../db/db.ts'
import { placeOf } from './names.ts'
import { planPlainDrop } from './plain-plan.ts'
import type { KeptPlain } from './plain-queries.ts'
import { planDrop, type ViewPlan } from './plan.ts'
import type { FoundRelation, KeptView } from './queries.ts'

interface Gone {
  readonly materialized: readonly KeptView[]
  readonly plain: readonly KeptPlain[]
  readonly found: ReadonlyMap<string, FoundRelation>
  /** Each behind what it reads. */
  readonly order: readonly string[]
}

export async function planDrops(
  session: Session,
  { materialized, plain, found, order }: Gone,
): Promise<readonly ViewPlan[]> {
  const going = new Set([...materialized, ...plain].map(placeOf))
  const plans: ViewPlan[] = []
  for (const name of order.toReversed()) {
    const view = materialized.find((one) => one.name === name)
    const kept = view ?? plain.find((one) => one.name === name)
    if (kept === undefined) continue
    const readers = await readDependants(session, [placeOf(kept)])
    const dependants = readers.flatMap(({ schema, name: reader, what }) =>
      schema !== null && reader !== null && going.has(placeOf({ schema, name: reader })) ? [] : [what],
    )
    // What reads it and stays is no reader that goes.
    if (dependants.length > 0) going.delete(placeOf(kept))
    const seen = { found: found.get(name), dependants }
    plans.push(view === undefined ? planPlainDrop(kept, seen) : planDrop(view, seen))
  }
  return plans
}
