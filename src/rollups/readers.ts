// The readers of all that is declared. How a rollup is kept is looked up when it is first read, and then remembered for a minute:
// its table may get tiers, and rows of it are elsewhere soon after. Who changes its declaration starts another process with it;
// one that is still being changed is looked up each time.

import type { Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import { shapeMemoryMs } from '../catalog/tiered.ts'
import type { Db, Queryable } from '../db/db.ts'
import type { Rollup } from './model/options.ts'
import { isSameDeclaration } from './model/definition.ts'
import { requireInstalled, type InstalledRollup } from './kept/queries.ts'
import { createReader } from './read/reader.ts'
import type { DeclaredRollup, ReaderOf, ReadersOf } from './read/types.ts'
import type { Shape } from './model/shape.ts'

export type DeclaredRollups = Readonly<Record<string, DeclaredRollup>>

export function createReaders<Declared extends DeclaredRollups>(
  { db, rollups, clock }: { readonly db: Db; readonly rollups: readonly Rollup[]; readonly clock: Clock },
  query: Queryable['query'],
): ReadersOf<Declared> {
  const readers = rollups.map((rollup): [string, ReaderOf<DeclaredRollup>] => {
    let known: { readonly shape: Shape; readonly untilMs: number } | undefined
    const shape = async (): Promise<Shape> => {
      const nowMs = clock.monotonic()
      if (known !== undefined && nowMs < known.untilMs) return known.shape
      const { declared, shape: found } = await readLive(db, rollups, rollup.name)
      // As it is kept by now, which may lack what is declared, and have what is not.
      const isSettled = found.filling === undefined && isSameDeclaration(declared, rollup)
      known = isSettled ? { shape: found, untilMs: nowMs + shapeMemoryMs } : undefined
      return found
    }
    return [rollup.name, createReader({ rollup, shape, query })]
  })
  return Object.freeze(Object.fromEntries(readers)) as unknown as ReadersOf<Declared>
}

async function readLive(db: Db, rollups: readonly Rollup[], name: string): Promise<InstalledRollup> {
  const installed = await requireInstalled(db, rollups, name)
  if (installed.state !== 'filling') return installed
  throw new StrataError('ROLLUP_STATE', {
    message: `Rollup "${name}" is not filled yet`,
    advice: `Run \`pgstrata rollup fill ${name}\`, or let \`pgstrata serve\` do it.`,
  })
}
