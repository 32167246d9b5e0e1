// Filling a rollup of a large table: range by range of buckets, oldest first, each in a transaction of its own that notes how
// far it came. Writers go on. Killed anywhere, the next run goes on where the last commit was; the views are made with
// the last range, so nobody ever reads half a rollup; of one that gets new measures, those are shown with the last range.
//
// Bounds: a range takes about two seconds, or one bucket; memory does not grow with the table.

import type { Clock } from '../../base/clock.ts'
import { onlyRow, type Session } from '../../db/db.ts'
import { recordCarried, type CarryReaders } from '../../plan/index.ts'
import { sql } from '../../sql/sql.ts'
import { deleteUncounted, distinctBeside } from '../kept/distinct.ts'
import { countDifferentInFollowers, refillFollowers } from '../kept/followers.ts'
import { carryNobody, readByOthers } from '../kept/dependants.ts'
import { grantsOf } from '../kept/grants.ts'
import { mergeAndNote, plainly, rebuildRange, type BucketRange, type MergeOptions } from './merge.ts'
import type { InstalledRollup } from '../kept/queries.ts'
import { walkRanges } from './ranges.ts'
import type { Shape } from '../model/shape.ts'
import { createReaders, dropReaders } from '../read/sql-functions.ts'

export interface FillOptions extends Pick<MergeOptions, 'lockTimeoutMs'> {
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  /** After each range: the share that is done, from 0 to 1, and where it goes on. */
  readonly onProgress?: ((progress: FillProgress) => void) | undefined
  /** Work that does not wait until it is filled; between two ranges. */
  readonly between?: (() => Promise<void>) | undefined
  /** Plain views of others that read it go along when what is new is shown. */
  readonly carryReaders?: CarryReaders | undefined
}

export interface FillProgress {
  readonly share: number
  readonly filledTo: string | null
}

export async function fillRollup(
  session: Session,
  shape: Shape,
  installed: Pick<InstalledRollup, 'filledTo' | 'state'>,
  options: FillOptions,
): Promise<void> {
  const { lockTimeoutMs, clock, signal, onProgress, between, carryReaders = carryNobody } = options
  const { state } = installed
  try {
    await walkRanges(session, shape, {
      clock,
      signal,
      from: installed.filledTo ?? undefined,
      between,
      visit: async (range, share) => {
        await rebuildRange(session, shape, range, {
          lockTimeoutMs,
          withoutFollowers: state === 'filling',
          before: (tx) => note(tx, shape, { range, state, carryReaders }),
        })
        // It is read meanwhile: what is pending elsewhere is not to pile up until the end.
        if (state === 'refilling' && range.to !== undefined)
          await mergeAndNote(session, shape, { lockTimeoutMs, clock })
        onProgress?.({ share, filledTo: range.to ?? null })
      },
    })
  } catch (error) {
    if (!(error instanceof FilledAlready)) throw error
    onProgress?.({ share: 1, filledTo: null })
  }
}

/**
 * Of measures that were declared later, what a delete takes away of a bucket that is yet to be filled stands in the merged row as
 * less than nothing until then. If no row was left, so that the merged row went, totals and levels keep it: those are made
 * anew. Windows that moved on while values were still to be filled may have left some of which there are none.
 */
async function finishFollowers(tx: Session, full: Shape, state: InstalledRollup['state']): Promise<readonly string[]> {
  const isOff = async (): Promise<boolean> => {
    for (const statement of countDifferentInFollowers(full))
      if (onlyRow(await tx.query<{ different: number }>(sql.raw(statement))).different > 0) return true
    return false
  }
  if (state === 'filling' || (await isOff())) return refillFollowers(full)
  return distinctBeside(full).map((one) => deleteUncounted(full, one))
}

/** What others wrote means what it meant to them when it was applied: names without a schema are found as usual. */
const asWritten: readonly string[] = [
  'set local search_path to default',
  'set local standard_conforming_strings to default',
]

/** By somebody else, who was at it too: what this one did is taken back. */
class FilledAlready extends Error {}

interface Noted {
  readonly range: BucketRange
  readonly state: InstalledRollup['state']
  readonly carryReaders: CarryReaders
}

async function note(tx: Session, shape: Shape, { range: { to }, state, carryReaders }: Noted): Promise<void> {
  const { rollup } = shape
  const { filling: _filling, ...full } = shape
  const here = sql`name = ${rollup.name} and state = ${state}`
  const { rowCount } =
    to === undefined
      ? await tx.query(sql`
          update pgstrata.rollup
          set state = 'live', filled_to = null, filled_at = clock_timestamp(), shape = ${JSON.stringify(full)}::jsonb
          where ${here}`)
      : await tx.query(sql`update pgstrata.rollup set filled_to = ${to} where ${here}`)
  if (rowCount === 0) throw new FilledAlready()
  if (to !== undefined) return
  for (const statement of await finishFollowers(tx, full, state)) await tx.query(sql.raw(statement))
  const readers = await carryReaders(tx, readByOthers(shape), { asDeclared: false })
  const ours = [...readers.drop, ...dropReaders(shape), ...createReaders(full)]
  for (const statement of [...ours, ...asWritten, ...readers.create]) await tx.query(sql.raw(statement))
  await recordCarried(tx, readers.records)
  for (const statement of [...plainly, ...(await grantsOf(tx, full))]) await tx.query(sql.raw(statement))
}
