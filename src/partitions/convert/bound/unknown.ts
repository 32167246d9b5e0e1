// What is left of pg_depend when everybody has taken theirs: columns, functions and casts of the table's row type, and
// whatever else an extension or a later server may bind to a table. Refused by name: nothing is lost in silence.

import type { Bound } from './context.ts'
import type { Dependent } from './dependents.ts'
import { refused, type BoundItem } from './item.ts'

const known: ReadonlySet<string> = new Set(['pg_rewrite', 'pg_policy'])

export function renderUnknown(bound: Bound, functions: readonly BoundItem[]): readonly BoundItem[] {
  const made = new Set(functions.map(({ name }) => name))
  const left = bound.dependents.filter((dependent) => !isTaken(dependent, made))
  const first = new Map(left.map((dependent) => [`${dependent.catalog}/${dependent.oid}/${dependent.on}`, dependent]))
  return [...first.values()].map((dependent) =>
    dependent.on === 'row type'
      ? refused(
          {
            kind: 'row type',
            name: dependent.description,
            how: `It uses the row type of the table, and would go on using that of the old one.`,
          },
          'Drop it and make it again afterwards, or let it use a composite type of its own.',
        )
      : refused(
          {
            kind: 'unknown',
            name: dependent.description,
            how: `Something pgstrata does not know depends on the ${dependent.on} of this table.`,
          },
          'Drop it and make it again afterwards.',
        ),
  )
}

/** By who looks at it: rewrites.ts, policies.ts, functions.ts. */
function isTaken(dependent: Dependent, functions: ReadonlySet<string>): boolean {
  if (dependent.on === 'table' || dependent.on === 'constraint') {
    if (known.has(dependent.catalog)) return true
  }
  if (dependent.on === 'table' && dependent.catalog === 'pg_proc') {
    return [...functions].some((name) => dependent.description === `function ${name}`)
  }
  // A view that reads the whole row has a rewrite rule that needs the type; its columns say so by themselves.
  return dependent.catalog === 'pg_rewrite' && dependent.on === 'row type'
}
