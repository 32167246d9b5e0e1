// Merging by hand: one rollup, or all of them, a few at once, each in a session of its own and under its own lock.
//
// What holds: of all, one that fails stops no other; what the first one failed with is thrown when the others are done.

import { checkpoint, type Clock } from '../base/clock.ts'
import type { Db, Session } from '../db/db.ts'
import { withWorkSession } from '../plan/index.ts'
import { sql } from '../sql/sql.ts'
import { noteSeen, readMerging } from './job/merging.ts'
import { readInstalled, requireInstalled, type InstalledRollup } from './kept/queries.ts'
import { mergeAndNote } from './merge/merge.ts'
import { tidyDeltas } from './merge/tidy.ts'
import { deltaOf, membersDeltaOf } from './model/names.ts'
import type { Rollup } from './model/options.ts'
import type { Shape } from './model/shape.ts'
import { valuesIn } from './model/values-statements.ts'

/** What became of one. */
export interface MergedRollup {
  readonly name: string
  /** How many changes were pending. */
  readonly rows: number
}

interface Merging {
  readonly db: Db
  readonly rollups: readonly Rollup[]
  readonly clock: Clock
  readonly lockTimeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** More would take the server from those who ask it. */
const mostAtOnce = 2

export async function mergeOne(merging: Merging, name: string): Promise<number> {
  const { db, rollups, signal } = merging
  return await withWorkSession({ db, signal }, async (session) => {
    const { shape } = await requireInstalled(session, rollups, name)
    return await merge(session, shape, merging)
  })
}

/** Of those that are declared, and told in that order, all that are there; what is not filled yet has nothing to be merged into. */
export async function mergeAll(
  merging: Merging,
  onMerged: ((merged: MergedRollup) => void) | undefined,
): Promise<readonly MergedRollup[]> {
  const { db, rollups, signal } = merging
  const declared = new Set(rollups.map(({ name }) => name))
  const there = (await readInstalled(db)).filter(({ name, state }) => declared.has(name) && state !== 'filling')
  const merged = new Map<string, MergedRollup>()
  const failures: unknown[] = []
  const left = (await largestFirst(db, there)).values()
  const worker = async (): Promise<void> => {
    for (const name of left) {
      try {
        checkpoint(signal)
        const one = { name, rows: await mergeOne(merging, name) }
        merged.set(name, one)
        onMerged?.(one)
      } catch (error) {
        failures.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: mostAtOnce }, worker))
  if (failures.length > 0) throw failures[0]
  return rollups.flatMap(({ name }) => merged.get(name) ?? [])
}

/** By what is pending, so that no large one is left for the end, when there is nothing to do beside it. */
async function largestFirst(db: Db, installed: readonly InstalledRollup[]): Promise<readonly string[]> {
  const pending = installed.flatMap(({ shape }) => {
    const tables = [deltaOf(shape.rollup), ...valuesIn(shape).map(({ name }) => membersDeltaOf(shape.rollup, name))]
    return tables.map((table) => ({ name: shape.rollup.name, table }))
  })
  const names = pending.map(({ name }) => name)
  const tables = pending.map(({ table }) => table)
  const { rows } = await db.query<{ name: string }>(sql`
    select name
    from unnest(${names}::text[], ${tables}::text[]) as pending (name, delta)
    group by name
    order by sum(pg_relation_size(to_regclass(delta))) desc nulls last, name`)
  return rows.map(({ name }) => name)
}

async function merge(session: Session, shape: Shape, { clock, lockTimeoutMs }: Merging): Promise<number> {
  const { name } = shape.rollup
  const rows = await mergeAndNote(session, shape, { lockTimeoutMs, clock })
  if (rows > 0) await tidyDeltas(session, shape)
  // Whatever stood in its way does so no more.
  if (((await readMerging(session))?.get(name)?.failures ?? 0) > 0) await noteSeen(session, name)
  return rows
}
