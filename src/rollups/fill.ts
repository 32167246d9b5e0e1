// Filling a rollup of a large table: range by range of buckets, oldest first, each in a transaction of its own that notes how
// far it came. Writers go on. Killed anywhere, the next run goes on where the last commit was; the views are made with
// the last range, so nobody ever reads half a rollup.
//
// Bounds: a range takes about two seconds, or one bucket; memory does not grow with the table.

import type { Clock } from '../base/clock.ts'
import type { Session } from '../db/db.ts'
import { sql } from '../sql/sql.ts'
import { grantsOf } from './grants.ts'
import { rebuildRange, type BucketRange, type MergeOptions } from './merge.ts'
import type { InstalledRollup } from './queries.ts'
import { walkRanges } from './ranges.ts'
import type { Shape } from './shape.ts'
import { createViews } from './tables.ts'

export interface FillOptions extends Pick<MergeOptions, 'lockTimeoutMs'> {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** After each range: the share that is done, from 0 to 1, and where it goes on. */
  readonly onProgress?: ((progress: FillProgress) => void) | undefined
}

export interface FillProgress {
  readonly share: number
  readonly filledTo: string | null
}

export async function fillRollup(
  session: Session,
  shape: Shape,
  installed: Pick<InstalledRollup, 'filledTo'>,
  options: FillOptions,
): Promise<void> {
  const { lockTimeoutMs, clock, signal, onProgress } = options
  try {
    await walkRanges(session, shape, {
      clock,
      signal,
      from: installed.filledTo ?? undefined,
      visit: async (range, share) => {
        await rebuildRange(session, shape, range, { lockTimeoutMs, before: (tx) => note(tx, shape, range) })
        onProgress?.({ share, filledTo: range.to ?? null })
      },
    })
  } catch (error) {
    if (!(error instanceof FilledAlready)) throw error
    onProgress?.({ share: 1, filledTo: null })
  }
}

/** By somebody else, who was at it too: what this one did is taken back. */
class FilledAlready extends Error {}

async function note(tx: Session, shape: Shape, { to }: BucketRange): Promise<void> {
  const { name } = shape.rollup
  const filling = sql`name = ${name} and state = 'filling'`
  const { rowCount } =
    to === undefined
      ? await tx.query(sql`
          update pgstrata.rollup
          set state = 'live', filled_to = null, filled_at = clock_timestamp()
          where ${filling}`)
      : await tx.query(sql`update pgstrata.rollup set filled_to = ${to} where ${filling}`)
  if (rowCount === 0) throw new FilledAlready()
  if (to !== undefined) return
  for (const statement of createViews(shape)) await tx.query(sql.raw(statement))
  for (const statement of await grantsOf(tx, shape.rollup)) await tx.query(sql.raw(statement))
}
