// What reading an archive back has shown, noted with it.
//
// What must be true: reading takes long, and the archive can become the only copy, or end, meanwhile. A verdict is about the state in
// which the archive is when it is noted, and of an archive that ended nothing is noted. An only copy stays one, whatever is the matter
// with it: nothing else may be taken for granted.

import type { Queryable } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import type { ArchiveRecord, ArchiveState } from './catalog.ts'

/** Of which somebody wants to know whether they are whole. */
export const keptStates: readonly ArchiveState[] = ['verified', 'only copy', 'lost']

/** Before it is read: one that cannot be read must not be the first of every run. */
export async function noteTried(on: Queryable, id: bigint): Promise<void> {
  await on.query(sql`
    update pgstrata.archive
    set last_tried_at = clock_timestamp()
    where id = ${id}::int8`)
}

/** Every file is as it was. Where another verdict came since `archive` was read, that one stands. */
export async function noteSound(
  on: Queryable,
  { id, lastCheckedAt }: Pick<ArchiveRecord, 'id' | 'lastCheckedAt'>,
): Promise<void> {
  await on.query(sql`
    update pgstrata.archive
    set last_checked_at = clock_timestamp(), check_failure = null,
      state = case state when 'lost' then 'verified' else state end
    where id = ${id}::int8
      and state = any(${keptStates}::text[])
      and last_checked_at is not distinct from ${lastCheckedAt}::timestamptz`)
}

/** False: it ended meanwhile, and nobody wants to know. */
export async function noteDamaged(on: Queryable, id: bigint, why: string): Promise<boolean> {
  const { rowCount } = await on.query(sql`
    update pgstrata.archive
    set last_checked_at = clock_timestamp(), check_failure = ${why},
      state = case state when 'verified' then 'lost' else state end
    where id = ${id}::int8
      and state = any(${keptStates}::text[])`)
  return rowCount === 1
}

/** It could not be read, and that is not known to pass: it may be whole. */
export async function noteUnreadable(on: Queryable, id: bigint, why: string): Promise<boolean> {
  const { rowCount } = await on.query(sql`
    update pgstrata.archive
    set check_failure = ${why}
    where id = ${id}::int8
      and state = any(${keptStates}::text[])`)
  return rowCount === 1
}
