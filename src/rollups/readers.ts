// The readers of all that is declared. How a rollup is kept is looked up once, when it is first read, and then remembered: it
// does not change while the rollup is there.

import { StrataError } from '../base/errors.ts'
import type { Db, Queryable } from '../db/db.ts'
import type { Rollup } from './options.ts'
import { requireInstalled } from './queries.ts'
import { createReader } from './read/reader.ts'
import type { DeclaredRollup, ReaderOf, ReadersOf } from './read/types.ts'
import type { Shape } from './shape.ts'

export type DeclaredRollups = Readonly<Record<string, DeclaredRollup>>

export function createReaders<Declared extends DeclaredRollups>(
  db: Db,
  rollups: readonly Rollup[],
  query: Queryable['query'],
): ReadersOf<Declared> {
  const readers = rollups.map((rollup): [string, ReaderOf<DeclaredRollup>] => {
    let known: Shape | undefined
    const shape = async (): Promise<Shape> => (known ??= await readShape(db, rollups, rollup.name))
    return [rollup.name, createReader({ rollup, shape, query })]
  })
  return Object.freeze(Object.fromEntries(readers)) as unknown as ReadersOf<Declared>
}

async function readShape(db: Db, rollups: readonly Rollup[], name: string): Promise<Shape> {
  const { state, shape } = await requireInstalled(db, rollups, name)
  if (state === 'live') return shape
  throw new StrataError('ROLLUP_STATE', {
    message: `Rollup "${name}" is not filled yet`,
    advice: `Run \`pgstrata rollup fill ${name}\`, or let \`pgstrata serve\` do it.`,
  })
}
