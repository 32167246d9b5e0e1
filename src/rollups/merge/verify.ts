// A rollup against its source: what triggers did not see (session_replication_role, logical apply, a partition attached by hand)
// shows here, and can be put right range by range while writers go on. Each range is compared in one snapshot.

import type { Clock } from '../../base/clock.ts'
import { StrataError } from '../../base/errors.ts'
import { plural } from '../../base/units.ts'
import { onlyRow, type Session } from '../../db/db.ts'
import { rollback } from '../../db/transaction.ts'
import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import type { Floor } from './floor.ts'
import { followersOf } from '../kept/followers.ts'
import {
  changedMeanwhile,
  conditionsOn,
  plainly,
  rebuildFollowers,
  rebuildRange,
  type BucketRange,
  type MergeOptions,
} from './merge.ts'
import { isElsewhere } from '../model/extremes.ts'
import { countDifferentInLevel, levelsIn } from '../kept/levels.ts'
import { deltaOf, mergedOf } from '../model/names.ts'
import { walkRanges } from './ranges.ts'
import { bucketColumn, type Shape } from '../model/shape.ts'
import { lockRows, overSource } from '../model/source-rows.ts'
import { columnsOf, contributionOf, keysOf, leftOver, requireDefinition } from '../model/statements.ts'
import { countDifferent } from '../kept/totals.ts'
import { compareValues } from '../model/values-statements.ts'

export interface Verification {
  /** Keys, each in its bucket, that were compared. */
  readonly keys: number
  /** Of them, how many differ. */
  readonly different: number
  /** The first and the last bucket with a difference; null where there are no buckets, or no difference. */
  readonly from: string | null
  readonly to: string | null
  /** Ranges of buckets that were built anew. */
  readonly repaired: number
  /** Keys of totals that were not what the rollup comes to; and of levels, each in its bucket. */
  readonly totals: number
  readonly levels: number
}

export interface VerifyOptions extends Pick<MergeOptions, 'lockTimeoutMs'> {
  /** Builds anew what differs. */
  readonly fix: boolean
  /** Nothing below it is looked at. Where it is `all`, the two can be found to be the same, and nothing can be mended. */
  readonly floor: Floor
  readonly clock: Clock
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((share: number) => void) | undefined
}

export async function verifyRollup(session: Session, shape: Shape, options: VerifyOptions): Promise<Verification> {
  const { fix, floor, lockTimeoutMs, clock, signal, onProgress } = options
  if (floor === 'all' && fix) throw cannotTell(shape, 'be repaired')
  const total = {
    keys: 0,
    different: 0,
    from: null as string | null,
    to: null as string | null,
    repaired: 0,
    totals: 0,
    levels: 0,
  }
  await walkRanges(session, shape, {
    clock,
    signal,
    from: beginningOf(floor),
    visit: async (range, share) => {
      const found = await compare(session, shape, range)
      total.keys += found.keys
      total.different += found.different
      total.from ??= found.from
      total.to = found.to ?? total.to
      if (fix && found.different > 0) {
        await rebuildRange(session, shape, range, { lockTimeoutMs })
        total.repaired++
      }
      onProgress?.(share)
    },
  })
  if (floor === 'all' && total.different > 0) throw differs(shape, total)
  // What is repaired goes into totals and levels like any change: a difference there was there before, and stays.
  const count = async (statement: string): Promise<number> =>
    onlyRow(await session.query<{ different: number }>(sql.raw(statement))).different
  if (shape.totals !== undefined) total.totals = await count(countDifferent(shape))
  for (const level of levelsIn(shape)) total.levels += await count(countDifferentInLevel(shape, level))
  if (fix && total.totals + total.levels > 0) await rebuildFollowers(session, shape, { lockTimeoutMs })
  return total
}

/** All of it above the floor. */
export async function rebuildRollup(
  session: Session,
  shape: Shape,
  { floor, lockTimeoutMs, clock, signal, onProgress }: Omit<VerifyOptions, 'fix'>,
): Promise<void> {
  if (floor === 'all') throw cannotTell(shape, 'be built anew')
  await walkRanges(session, shape, {
    clock,
    signal,
    from: beginningOf(floor),
    visit: async (range, share) => {
      await rebuildRange(session, shape, range, { lockTimeoutMs })
      onProgress?.(share)
    },
  })
  // Ranges go into them like any change: a difference that was there before would stay.
  if (followersOf(shape).length > 0) await rebuildFollowers(session, shape, { lockTimeoutMs })
}

const beginningOf = (floor: Floor): string | undefined => (typeof floor === 'string' ? undefined : floor.bucket)

/**
 * Not by counting either: rows that were never counted may be as many as those that went with a partition, and what is kept of
 * that would be lost.
 */
function cannotTell({ rollup }: Shape, what: string): StrataError {
  return new StrataError('ROLLUP_STATE', {
    message: `Rollup "${rollup.name}" cannot ${what} from its source`,
    expected:
      'buckets of the column by which the source is partitioned, or a source that is there from the beginning of time',
    advice: `Partitions may have been dropped, and what they came to cannot be told apart from the rest. If none was, declare the rollup no more, apply, and declare it again: it is filled from what is there.`,
  })
}

function differs({ rollup }: Shape, { different }: Pick<Verification, 'different'>): StrataError {
  return new StrataError('ROLLUP_STATE', {
    message: `Rollup "${rollup.name}" differs from its source in ${plural(different, 'key')}, and nobody can tell which of them is right`,
    expected: 'no difference, or buckets of the column by which the source is partitioned',
    advice: `Partitions may have been dropped: what they came to stays in the rollup. If none was, declare the rollup no more, apply, and declare it again: it is filled from what is there.`,
  })
}

type Comparison = Omit<Verification, 'repaired' | 'totals' | 'levels'>

/** What is kept and, with the other sign, what is counted: where they are the same, nothing is left. */
function comparison(shape: Shape, range: BucketRange): string {
  const { rollup } = shape
  const keys = keysOf(shape)
  const { inBucket, counted } = conditionsOn(shape, range)
  const columns = columnsOf(shape).join(', ')
  const where = inBucket === undefined ? '' : ` where ${inBucket}`
  const kept = [mergedOf(rollup), deltaOf(rollup)]
    .map((table) => `select ${columns}, true as is_kept from ${table}${where}`)
    .join(' union all ')
  const taken = overSource(shape, counted, (rows) => contributionOf(shape, { ...rows, sign: -1 }))
  const sides = `${kept} union all select ${columns}, false from (${taken}) as counted`
  const differs = [...shape.states.map(leftOver), ...(shape.extremes ?? []).map((one) => `(${isElsewhere(one)})`)]
  const byKey = keys.length === 0 ? 'having count(*) > 0' : `group by ${keys.join(', ')}`
  const states = `select ${[...keys, `${differs.join(' or ')} as differs`].join(', ')} from (${sides}) as both_sides ${byKey}`
  const bucket = rollup.bucket === undefined ? 'null::text' : quoteIdent(bucketColumn)
  const ends = (end: 'min' | 'max'): string =>
    rollup.bucket === undefined ? 'null' : `(${end}(bucket) filter (where differs))::text`
  return `
    select count(*)::float8 as keys, (count(*) filter (where differs))::float8 as different,
      ${ends('min')} as "from", ${ends('max')} as "to"
    from (
      select ${bucket} as bucket, bool_or(differs) as differs
      from (${[states, ...compareValues(shape, { inBucket, counted })].join(' union all ')}) as found
      ${byKey}
    ) as compared`
}

async function compare(session: Session, shape: Shape, range: BucketRange): Promise<Comparison> {
  let isBegun = false
  try {
    // Before the snapshot: what TRUNCATE takes away it takes from older ones too.
    const begin = [
      'begin isolation level repeatable read read only',
      ...plainly,
      lockRows(shape),
      requireDefinition(shape),
    ]
    await session.query(sql.raw(begin.join(';\n')))
    isBegun = true
    const found = onlyRow(await session.query<Comparison>(sql.raw(comparison(shape, range))))
    await session.query(sql`commit`)
    return found
  } catch (error) {
    await rollback(session)
    if (!isBegun && sqlstateOf(error) === sqlstate.undefinedColumn) throw changedMeanwhile(shape.rollup.name, error)
    throw error
  }
}
