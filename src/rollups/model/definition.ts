// Whether two declarations, or two shapes, are the same, and what lies between them. Pure.

import { createHash } from 'node:crypto'
import type { Measure, Rollup } from './options.ts'
import type { Shape } from './shape.ts'

export function isSameDeclaration(left: Rollup, right: Rollup): boolean {
  return canonical(left) === canonical(right)
}

/** jsonb gives keys back in an order of its own, and leaves out what is undefined. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

/** What is counted of each key, whether or not totals count it, too. */
function counted(measure: Measure | undefined): string {
  return canonical(measure === undefined ? undefined : { ...measure, windows: undefined })
}

/** The name of a column of the lock table: whoever merges by another definition than this one finds no such column. */
export function definitionColumn(shape: Shape): string {
  const { rollup: _rollup, outputs: _outputs, filling: _filling, tieredAt: _at, ...kept } = shape
  // How values are told apart is asked by readers alone.
  const values = kept.values?.map(({ equal: _equal, ...value }) => value)
  const written = values === undefined ? kept : { ...kept, values }
  return `of_${createHash('sha256').update(canonical(written)).digest('hex').slice(0, 12)}`
}

/**
 * `in place`: the keys and their rows stay, measures come and go. `beside`: what is kept says nothing of what is wanted.
 * `elsewhere`: of another table.
 */
export type Change =
  | { readonly kind: 'none' | 'beside' | 'elsewhere' }
  | { readonly kind: 'in place'; readonly added: readonly string[]; readonly removed: readonly string[] }

export function changeBetween(kept: Rollup, declared: Rollup): Change {
  if (isSameDeclaration(kept, declared)) return { kind: 'none' }
  if (kept.schema !== declared.schema || kept.table !== declared.table) return { kind: 'elsewhere' }
  const bare = ({
    measures: _m,
    totals: _t,
    levels: _l,
    rowSecurity: _s,
    retention: _r,
    subscriber: _w,
    ...rest
  }: Rollup): unknown => rest
  if (canonical(bare(kept)) !== canonical(bare(declared))) return { kind: 'beside' }
  const added = declared.measures.filter(({ name }) => !kept.measures.some((one) => one.name === name))
  const removed = kept.measures.filter(({ name }) => !declared.measures.some((one) => one.name === name))
  const stays = declared.measures.filter((one) => !added.includes(one))
  const isOther = stays.some((one) => counted(one) !== counted(kept.measures.find(({ name }) => name === one.name)))
  if (isOther) return { kind: 'beside' }
  return { kind: 'in place', added: added.map(({ name }) => name), removed: removed.map(({ name }) => name) }
}
