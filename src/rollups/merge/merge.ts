// Merging and rebuilding: what the one REPEATABLE READ snapshot sees is taken, and nothing else.
//
// What holds: the first statement takes the lock of the rollup, so the snapshot is from after the wait, and one at a time
// merges or rebuilds; locking takes no snapshot, and neither does setting a timeout. Whoever knows another definition than the
// one that is kept does nothing. A delta that is not committed yet is not
// seen, and is merged next time: once, by MVCC. A rebuild sees each row of the source together with its delta, or neither; it
// locks the source before its snapshot, for TRUNCATE and whatever rewrites a table take rows away from older snapshots.
// The sum of what is merged and of all visible deltas is what the source holds in that snapshot: a row can only be deleted
// by who sees it, so no snapshot has the delta of its end without that of its beginning, and no count is ever below 0.
// On failure nothing has happened; writers never notice either.

import type { Clock } from '../../base/clock.ts'
import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Session } from '../../db/db.ts'
import { rollback } from '../../db/transaction.ts'
import { quoteIdent, quoteLiteral } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { bucketOf, isContiguous } from '../model/bucket.ts'
import { outputSettings, contributionOf, insertMerged, lockStatement, requireDefinition } from '../model/statements.ts'
import { changeWithFollowers, followersOf, refillFollowers, type Follower } from '../kept/followers.ts'
import { deltaOf, mergedOf } from '../model/names.ts'
import { noteMerged } from '../kept/queries.ts'
import { bucketColumn, type Shape } from '../model/shape.ts'
import { lockRows, overSource, type Span } from '../model/source-rows.ts'
import { isMergeDue, mergeStatements } from './merge-statements.ts'
import {
  insertValues,
  rebuildValues,
  removeMergedValues,
  removePendingValues,
  removeValues,
  valuesIn,
} from '../model/values-statements.ts'
import type { ValuesMeasure } from '../model/values.ts'

export interface MergeOptions {
  /** How long to wait for another merge or rebuild. */
  readonly lockTimeoutMs: number
  /** The last thing in the transaction; told how many rows were merged. */
  readonly before?: ((tx: Session, rows: number) => Promise<void>) | undefined
  /** What windows take for now, as SQL writes it; undefined: the server's clock. */
  readonly at?: string | undefined
}

/** How many deltas there were. Where there is nothing to do it is one statement, and nothing is written or locked. */
export async function mergeRollup(session: Session, shape: Shape, options: MergeOptions): Promise<number> {
  if (!(await readDue(session, shape, options.at))) return 0
  return await underLock(session, shape, options, async () => {
    // An update may change values and nothing else: the longest of the tables of deltas says how many changes there were.
    let most = 0
    for (const statement of mergeStatements(shape, options.at)) {
      most = Math.max(most, (await session.query(sql.raw(statement))).rowCount)
    }
    return most
  })
}

async function readDue(session: Session, shape: Shape, at: string | undefined): Promise<boolean> {
  try {
    const { rows } = await session.query<{ due: boolean }>(sql.raw(`select ${isMergeDue(shape, at)} as due`))
    return rows[0]?.due === true
  } catch (error) {
    // What a measure that is gone was kept in.
    if (sqlstateOf(error) === sqlstate.undefinedTable) throw changedMeanwhile(shape.rollup.name, error)
    throw error
  }
}

/** And the registry says so. */
export async function mergeAndNote(
  session: Session,
  shape: Shape,
  { lockTimeoutMs, clock }: Pick<MergeOptions, 'lockTimeoutMs'> & { readonly clock: Clock },
): Promise<number> {
  const begunMs = clock.monotonic()
  return await mergeRollup(session, shape, {
    lockTimeoutMs,
    before: (tx, rows) => noteMerged(tx, shape.rollup.name, { rows, tookMs: clock.monotonic() - begunMs }),
  })
}

/** Buckets from that of `from` up to, and without, that of `to`; undefined: all there are. */
export interface BucketRange {
  readonly from: string | undefined
  readonly to: string | undefined
}

export async function rebuildRange(
  session: Session,
  shape: Shape,
  range: BucketRange,
  options: MergeOptions & {
    /** Nobody reads totals and levels yet: they are filled when all is in. */
    readonly withoutFollowers?: boolean
  },
): Promise<void> {
  const { rollup } = shape
  const { inBucket, counted } = conditionsOn(shape, range)
  const where = inBucket === undefined ? '' : ` where ${inBucket}`
  const contribution = overSource(shape, counted, (rows) => contributionOf(shape, { ...rows, sign: 1 }))
  await underLock(session, shape, { ...options, first: lockRows(shape) }, async () => {
    const followers = options.withoutFollowers === true ? [] : followersOf(shape)
    const { followed, others } = splitValues(shape, followers)
    await session.query(sql.raw(`delete from ${deltaOf(rollup)}${where}`))
    const pending = followed.map((measure) => removePendingValues(shape, measure, inBucket))
    for (const statement of [...pending, ...rebuildValues(others, { inBucket, counted })])
      await session.query(sql.raw(statement))
    const gone = `delete from ${mergedOf(rollup)}${where}`
    const goneValues = byName(followed, (measure) => removeMergedValues(shape, measure, inBucket))
    const emptied = await write(session, shape, {
      followers,
      name: 'gone',
      change: gone,
      sign: -1,
      values: goneValues,
    })
    const values = byName(followed, (measure) => insertValues(shape, measure, counted))
    const added = insertMerged(shape, contribution)
    await write(session, shape, { followers, name: 'added', change: added, sign: 1, values })
    for (const one of emptied) await session.query(sql.raw(one.deleteEmptied))
    return 0
  })
}

/** `where`: over the keys of the rollup. Nothing takes their place. */
export async function removeBuckets(
  session: Session,
  shape: Shape,
  { where, ...options }: MergeOptions & { readonly where: string },
): Promise<void> {
  const { rollup } = shape
  await underLock(session, shape, options, async () => {
    const followers = followersOf(shape)
    const { followed, others } = splitValues(shape, followers)
    const pending = followed.map((measure) => removePendingValues(shape, measure, where))
    for (const statement of [...pending, ...removeValues(others, where)]) await session.query(sql.raw(statement))
    await session.query(sql.raw(`delete from ${deltaOf(rollup)} where ${where}`))
    const gone = `delete from ${mergedOf(rollup)} where ${where}`
    const values = byName(followed, (measure) => removeMergedValues(shape, measure, where))
    const emptied = await write(session, shape, { followers, name: 'gone', change: gone, sign: -1, values })
    for (const one of emptied) await session.query(sql.raw(one.deleteEmptied))
    return 0
  })
}

/** Measures whose values are changed in one statement with what follows from them, and a shape of all the others. */
function splitValues(
  shape: Shape,
  followers: readonly Follower[],
): { readonly followed: readonly ValuesMeasure[]; readonly others: Shape } {
  const isFollowed = ({ name }: ValuesMeasure): boolean => followers.some(({ measure }) => measure === name)
  const values = valuesIn(shape)
  return {
    followed: values.filter(isFollowed),
    others: { ...shape, values: values.filter((measure) => !isFollowed(measure)) },
  }
}

function byName(
  measures: readonly ValuesMeasure[],
  statement: (measure: ValuesMeasure) => string,
): ReadonlyMap<string, string> {
  return new Map(measures.map((measure) => [measure.name, statement(measure)]))
}

/** What is changed in the merged table, and the same in what follows from it; those of which keys have no row left. */
async function write(
  session: Session,
  shape: Shape,
  { followers, ...written }: Parameters<typeof changeWithFollowers>[1],
): Promise<readonly Follower[]> {
  if (followers.length === 0) {
    await session.query(sql.raw(written.change))
    return []
  }
  const statement = changeWithFollowers(shape, { followers, ...written })
  const emptied = onlyRow(await session.query<Readonly<Record<string, number>>>(sql.raw(statement)))
  return followers.filter(({ name }) => (emptied[name] ?? 0) > 0)
}

/** From what is merged, whatever they were. */
export async function rebuildFollowers(session: Session, shape: Shape, options: MergeOptions): Promise<void> {
  await underLock(session, shape, options, async () => {
    for (const statement of refillFollowers(shape)) await session.query(sql.raw(statement))
    return 0
  })
}

/** On the rows of the rollup, and which rows of its source are counted there. */
export function conditionsOn(
  { rollup: { bucket }, bucketType }: Shape,
  range: BucketRange,
): {
  readonly inBucket: string | undefined
  readonly counted: { readonly span: Span; readonly where: string | undefined }
} {
  const open = { from: undefined, to: undefined }
  if (bucket === undefined || bucketType === undefined)
    return { inBucket: undefined, counted: { span: open, where: undefined } }
  // Whatever they were computed by: an end inside of a bucket would count some of its rows twice.
  const beginningOf = (text: string): string =>
    bucketOf(bucket, bucketType, `${quoteLiteral(text)}::pg_catalog.${bucketType}`)
  const spanOf = (leeway: string): Span => ({
    from: range.from === undefined ? undefined : `${beginningOf(range.from)}${leeway && ` - ${leeway}`}`,
    to: range.to === undefined ? undefined : `${beginningOf(range.to)}${leeway && ` + ${leeway}`}`,
  })
  const conditionOn = (column: string, { from, to }: Span): readonly string[] => [
    ...(from === undefined ? [] : [`${column} >= ${from}`]),
    ...(to === undefined ? [] : [`${column} < ${to}`]),
  ]
  const all = (conditions: readonly string[]): string | undefined =>
    conditions.length === 0 ? undefined : conditions.join(' and ')
  const time = quoteIdent(bucket.column)
  const exact = spanOf('')
  const inBucket = all(conditionOn(quoteIdent(bucketColumn), exact))
  if (isContiguous(bucket, bucketType))
    return { inBucket, counted: { span: exact, where: all(conditionOn(time, exact)) } }
  const span = spanOf(longestShift)
  const where = all([...conditionOn(time, span), ...conditionOn(bucketOf(bucket, bucketType, time), exact)])
  return { inBucket, counted: { span, where } }
}

/** Of the clocks of a zone, by far. */
const longestShift = `interval '1 day'`

interface LockOptions extends MergeOptions {
  /** A statement that locks what is read besides. */
  readonly first?: string
}

async function underLock(
  session: Session,
  shape: Shape,
  { lockTimeoutMs, before, first }: LockOptions,
  work: () => Promise<number>,
): Promise<number> {
  const { rollup } = shape
  let isBegun = false
  try {
    await session.query(
      sql.raw(
        [
          'begin isolation level repeatable read',
          `set local lock_timeout = '${lockTimeoutMs}ms'`,
          ...plainly,
          ...(first === undefined ? [] : [first]),
          lockStatement(rollup),
          requireDefinition(shape),
        ].join(';\n'),
      ),
    )
    isBegun = true
    const value = await work()
    await before?.(session, value)
    await session.query(sql`commit`)
    return value
  } catch (error) {
    await rollback(session)
    if (!isBegun && sqlstateOf(error) === sqlstate.undefinedColumn) throw changedMeanwhile(rollup.name, error)
    throw error
  }
}

export function changedMeanwhile(name: string, cause: unknown): StrataError {
  return new StrataError('ROLLUP_STATE', {
    message: `Rollup "${name}" is kept in another way by now`,
    advice: 'Nothing was changed: do it again.',
    cause,
  })
}

/** Expressions mean what they meant when they were declared; rows that a policy would hide are an error, not fewer rows. */
export const plainly: readonly string[] = [
  'set local search_path = pg_catalog, pg_temp',
  'set local standard_conforming_strings = on',
  ...outputSettings.map((setting) => `set local ${setting}`),
  'set local row_security = off',
]
