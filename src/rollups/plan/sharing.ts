// Plain views that read rollups of several tables, whose steps stand in one plan: each step takes along those that read what it
// changes or drops, by what is there when the plan is made.
//
// What holds: of two steps that would make the same view anew, the second waits for the next look, because its statements
// would bring back the view as it was before the first; or know nothing of it, where the first makes it read what the second
// drops. A view that is declared no more goes with the first step that drops it.
// Pure.

import type { CarriedReaders, Held, Use } from '../../plan/index.ts'
import { quoteQualified } from '../../sql/quote.ts'
import type { Source } from '../model/options.ts'
import type { Shape } from '../model/shape.ts'
import { readableOf } from './losing.ts'

export interface Sharing {
  /**
   * What is left for the step of one more table to take along; or the views that have to be made anew by another one first.
   * `leaving`: of that table, what changes or goes.
   */
  take(readers: CarriedReaders, leaving: readonly Shape[]): CarriedReaders | { readonly waitsFor: readonly string[] }
}

export function createSharing(): Sharing {
  const dropped = new Set<string>()
  const made = new Set<string>()
  const uses: Use[] = []
  return {
    take: (readers, leaving) => {
      const places = new Set(leaving.flatMap((shape) => [...readableOf(shape).keys()]))
      const anew = uses.filter(({ schema, name }) => places.has(quoteQualified(schema, name)))
      const again = readers.changes.filter((identity) => made.has(identity))
      const waitsFor = new Set([...again, ...anew.map(({ reader }) => reader)])
      if (waitsFor.size > 0) return { waitsFor: [...waitsFor] }
      const drop = readers.drop.filter((statement) => !dropped.has(statement))
      for (const statement of drop) dropped.add(statement)
      for (const identity of readers.changes) made.add(identity)
      uses.push(...readers.uses)
      return { ...readers, drop }
    },
  }
}

export function behind({ schema, table }: Source, views: readonly string[]): Held {
  return {
    what: `rollups of table ${schema}.${table}`,
    why: `${views.join(', ')} ${views.length === 1 ? 'reads' : 'read'} rollups of another table too, which change first`,
    todo: 'the same apply does it behind that',
    waits: true,
  }
}
