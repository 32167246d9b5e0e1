// Which partitions the rows of a default partition get in one run, and which of the rows get none: their name is somebody
// else's, the table would have too many partitions with theirs, or retention would take out what is there.
//
// What holds: afterwards the partitions that are made ahead, and the gaps that are filled, are still within the limit. A row far
// from all others would pull the beginning of the layout, or its largest id, to itself.

import { plural } from '../base/units.ts'
import type { Queryable } from '../db/db.ts'
import { sql } from '../sql/sql.ts'
import { readMissingOfPeriod, type DrainSubject, type StrayPeriod, type StrayRows } from './drain-queries.ts'
import { readMissing, type MissingPartition } from './missing.ts'
import { partitionLimit } from './periods.ts'
import { readLargestId } from './queries.ts'

export interface Pieces {
  readonly pieces: readonly MissingPartition[]
  readonly rows: number
  readonly warnings: readonly string[]
}

export async function readPieces(on: Queryable, subject: DrainSubject, stray: StrayRows): Promise<Pieces> {
  const { declared, from } = subject
  const pieces: MissingPartition[] = []
  const taken: string[] = []
  const stays = { tooMany: 0, retired: 0, cold: 0 }
  let rows = 0
  const place = await readPlace(on, subject)
  for (const period of stray.periods) {
    if (isRetiring(subject, place, period)) {
      stays.retired += period.rows
      continue
    }
    const found = await readMissingOfPeriod(on, subject, period)
    if (found.length === 0) stays.cold += period.rows
    const free = found.filter((piece) => !piece.taken)
    const others = await countFilling(on, subject, { place, period })
    if (place.leaves + (pieces.length + Math.max(free.length, others)) * place.each > partitionLimit) {
      stays.tooMany += period.rows
      continue
    }
    taken.push(...found.filter((piece) => piece.taken).map(({ name }) => name))
    pieces.push(...free)
    if (free.length > 0) rows += period.rows
  }
  const limit = partitionLimit.toLocaleString('en-US')
  const advice = declared.from === undefined ? ', or declare where the table begins (`from`)' : ''
  return {
    pieces,
    rows,
    warnings: [
      ...taken.map((name) => `${from.name} has rows for ${name}, and that name belongs to another relation`),
      ...(stays.tooMany === 0
        ? []
        : [
            `${plural(stays.tooMany, 'row')} of ${from.name} are too far from all others: the table would have more than ${limit} partitions. Delete or mend them${advice}`,
          ]),
      ...(stays.cold === 0
        ? []
        : [
            `${plural(stays.cold, 'row')} of ${from.name} belong to periods that are in an archive: restore those partitions (\`pgstrata archive restore\`), and the rows come along`,
          ]),
      ...(stays.retired === 0
        ? []
        : [
            `${plural(stays.retired, 'row')} of ${from.name} are so far ahead of all others that retention would take out all that is there. Delete or mend them`,
          ]),
    ],
  }
}

interface Place {
  readonly leaves: number
  /** Leaves of one partition. */
  readonly each: number
  /** The largest id; null for time. */
  readonly largest: bigint | null
}

async function readPlace(on: Queryable, { declared, parentOid }: DrainSubject): Promise<Place> {
  const { layout } = declared
  const { rows } = await on.query<{ leaves: number }>(sql`
    select count(*)::int4 as leaves
    from pg_partition_tree(${parentOid}::oid)
    where isleaf`)
  return {
    leaves: rows[0]?.leaves ?? 0,
    each: layout.kind === 'hash' ? 1 : (layout.split?.into ?? 1),
    largest: layout.kind === 'id' ? ((await readLargestId(on, declared)) ?? 0n) : null,
  }
}

function isRetiring({ declared }: DrainSubject, { largest }: Place, period: StrayPeriod): boolean {
  const { layout, retain } = declared
  if (layout.kind !== 'id' || largest === null || retain === undefined || !('count' in retain.keep)) return false
  return BigInt(period.begins) - largest >= BigInt(retain.keep.count) * layout.step
}

/** How many would be missing if the layout reached as far as that period. */
async function countFilling(
  on: Queryable,
  { declared, parentOid, columnType }: DrainSubject,
  { place, period }: { readonly place: Place; readonly period: StrayPeriod },
): Promise<number> {
  const { largest } = place
  const isAhead = largest !== null && BigInt(period.begins) > largest
  const starts = isAhead ? undefined : (declared.from ?? period.begins)
  const missing = await readMissing(on, {
    declared: { ...declared, ahead: 0, retain: undefined },
    parent: parentOid,
    columnType,
    ...(starts === undefined ? {} : { starts }),
    ...(largest === null ? {} : { largest: isAhead ? BigInt(period.begins) : largest }),
  })
  return missing.length
}
