// Writers and a reader of a table whose partitions are moved under them. The writers know what the table must hold of theirs, for
// they log what was committed; the reader knows what is always there. Whatever they are told that they should not be is kept.

import { messageOf } from '../../src/base/errors.ts'
import { seededRandom, type Random } from '../../src/base/random.ts'
import { onlyRow, type Db, type Session } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../src/sql/sqlstate.ts'
import { days } from './life-moves.ts'
import { stillRows } from './life-support.ts'

/** Ids from here on are the writers'. */
const firstId = 1_000_000

interface WrittenRow {
  readonly day: number
  readonly minute: number
  readonly kind: number
  readonly amount: number
  readonly note: string
}

/** Of what was committed: id → row. */
export type Log = Map<number, WrittenRow>

export interface Writing {
  readonly log: Log
  readonly errors: readonly string[]
  /** Statements that were committed. */
  done(): number
  /** Until what was begun has ended. */
  stop(): Promise<void>
}

interface Seat {
  readonly session: Session
  readonly random: Random
  readonly number: number
  readonly log: Log
  readonly errors: string[]
  /** Days of which rows are changed and deleted; every change ends the attempt of a mover. */
  readonly changing: readonly number[]
  /** Days to which rows come. Of the others nothing is written, so that an archive is not made anew for ever. */
  readonly coming: readonly number[]
}

const seats = 3
/** What a writer is told where its row has no place, or somebody was quicker. */
const expected: ReadonlySet<string> = new Set([
  sqlstate.checkViolation,
  sqlstate.serializationFailure,
  sqlstate.deadlockDetected,
  sqlstate.lockNotAvailable,
])

export interface WritingOptions {
  readonly url: string
  /** What earlier ones have written; it is theirs from now on. */
  readonly log: Log
  readonly seed: number
  /** Days, the first of which are written to. */
  readonly order: readonly number[]
}

export function startWriting({ url, log, seed, order }: WritingOptions): Writing {
  const db = openDb({ url, max: seats + 1 })
  const state = { stopped: false, done: 0 }
  const errors: string[] = []
  const [changing, coming] = [order.slice(0, 1), order.slice(0, 4)]
  const writers = Array.from({ length: seats }, (_, number) =>
    db.withSession(async (session) => {
      const seat = { session, random: seededRandom(seed * 31 + number), number, log, errors, changing, coming }
      while (!state.stopped) {
        await writeOnce(seat).catch((error: unknown) => {
          if (!expected.has(sqlstateOf(error) ?? '')) errors.push(`writer ${number}: ${messageOf(error)}`)
        })
        state.done++
      }
    }),
  )
  const reader = db.withSession(async (session) => {
    while (!state.stopped)
      await readStill(session, errors).catch((error: unknown) => errors.push(`reader: ${messageOf(error)}`))
  })
  return {
    log,
    errors,
    done: () => state.done,
    stop: async () => {
      state.stopped = true
      await Promise.all([...writers, reader])
      await db.close()
    },
  }
}

/** One transaction of one to three statements; what it did is logged when it is committed. */
async function writeOnce(seat: Seat): Promise<void> {
  const { session, random, log } = seat
  const statements = random() < 0.7 ? 1 : 1 + Math.floor(random() * 3)
  if (statements === 1) return apply(log, [await writeSomething(seat, [])])
  await session.query(sql`begin`)
  try {
    const changes: Change[] = []
    for (let turn = 0; turn < statements; turn++) changes.push(await writeSomething(seat, changes))
    const how = random() < 0.3 ? 'rollback' : 'commit'
    await session.query(sql.raw(how))
    if (how === 'commit') apply(log, changes)
  } catch (error) {
    await session.query(sql`rollback`)
    throw error
  }
}

interface Change {
  readonly id: number
  /** Undefined: it is gone. */
  readonly row: WrittenRow | undefined
}

function apply(log: Log, changes: readonly Change[]): void {
  for (const { id, row } of changes) {
    if (row === undefined) log.delete(id)
    else log.set(id, row)
  }
}

/** `before`: what the transaction has changed; the log does not know it yet. */
async function writeSomething(seat: Seat, before: readonly Change[]): Promise<Change> {
  const { random, log, number, changing } = seat
  const isOwn = (id: number): boolean => id % seats === number && !before.some((each) => each.id === id)
  const own = [...log].filter(([id, { day }]) => isOwn(id) && changing.includes(day))
  const picked = own[Math.floor(random() * own.length)]
  const choice = random()
  if (picked === undefined || choice < 0.3) return await insertOne(seat)
  const [id, row] = picked
  return choice < 0.6 ? await updateOne(seat, id, row) : await deleteOne(seat, id, row)
}

let lastId = firstId

async function insertOne({ session, random, number, coming }: Seat): Promise<Change> {
  lastId += seats
  const id = lastId - (lastId % seats) + number
  const row = drawRow(random, coming[Math.floor(random() * coming.length)] ?? 1)
  const into = random() < 0.7 ? 'events' : 'events_history'
  await session.query(sql`
    insert into ${sql.ident(into)} (id, at, kind, amount, note)
    values (${id}::int8, ${atOf(row)}, ${row.kind}, ${row.amount}, ${row.note})`)
  return { id, row }
}

function drawRow(random: Random, day: number): WrittenRow {
  const pick = (most: number): number => Math.floor(random() * most)
  return { day, minute: pick(1_440), kind: pick(4), amount: pick(1_000) / 4, note: `w ${pick(1e9)}` }
}

const atOf = ({ day, minute }: WrittenRow): ReturnType<typeof sql> =>
  sql`timestamptz '2026-01-01 00:00Z' + ${(day - 1) * 1_440 + minute}::int4 * interval '1 minute'`

/** In place, or to another moment, which may be in another partition. */
async function updateOne(seat: Seat, id: number, row: WrittenRow): Promise<Change> {
  const { random, changing } = seat
  const isMoved = random() < 0.3
  const day = isMoved ? (changing[Math.floor(random() * changing.length)] ?? row.day) : row.day
  const drawn = drawRow(random, day)
  const next = isMoved ? drawn : { ...drawn, minute: row.minute }
  const isDone = await change(
    seat,
    id,
    row,
    (table) => sql`
    update ${sql.ident(table)}
    set at = ${atOf(next)}, kind = ${next.kind}, amount = ${next.amount}, note = ${next.note}
    where id = ${id}::int8
      and at = ${atOf(row)}`,
  )
  return { id, row: isDone ? next : row }
}

async function deleteOne(seat: Seat, id: number, row: WrittenRow): Promise<Change> {
  const isDone = await change(
    seat,
    id,
    row,
    (table) => sql`
    delete from ${sql.ident(table)}
    where id = ${id}::int8
      and at = ${atOf(row)}`,
  )
  return { id, row: isDone ? undefined : row }
}

type StatementOf = (table: string) => ReturnType<typeof sql>

/** Through the table where the row may be there, else through the history. False: its day is cold. */
async function change(seat: Seat, id: number, row: WrittenRow, statementOf: StatementOf): Promise<boolean> {
  const { session, random, errors } = seat
  for (const table of random() < 0.3 ? ['events', 'events_history'] : ['events_history']) {
    const { rowCount } = await session.query(statementOf(table))
    if (rowCount === 1) return true
    if (rowCount !== 0) errors.push(`${id} was there ${rowCount} times`)
  }
  if (await isCold(session, row.day)) return false
  // It may have been cold a moment ago.
  const { rowCount } = await session.query(statementOf('events_history'))
  if (rowCount === 1) return true
  if (!(await isCold(session, row.day))) errors.push(`${id} of day ${row.day} was not found`)
  return false
}

async function isCold(on: Session, day: number): Promise<boolean> {
  const { rows } = await on.query(sql`
    select
    from pgstrata.tier_partition
    where partition_oid is null
      and left(lower_bound, 10) = ${`2026-01-0${day}`}`)
  return rows.length === 1
}

const coldDays = sql`
  (
    select coalesce(string_agg(left(lower_bound, 10), ' ' order by lower_bound), '')
    from pgstrata.tier_partition
    where partition_oid is null
  )`

/**
 * What is never changed is there, or in the archive: count and sum, in one statement. A statement that was planned before a partition
 * was attached does not read it; so it says nothing where that happened meanwhile.
 */
async function readStill(session: Session, errors: string[]): Promise<void> {
  const readCold = async (): Promise<string> =>
    onlyRow(await session.query<{ cold: string }>(sql`select ${coldDays} as cold`)).cold
  const before = await readCold()
  const { rows, sum, cold } = onlyRow(
    await session.query<{ rows: number; sum: number; cold: string }>(sql`
      select count(*)::int4 as rows, coalesce(sum(id), 0)::float8 as sum, ${coldDays} as cold
      from events_history
      where id < ${firstId}`),
  )
  if (before !== cold || (await readCold()) !== cold) return
  const here = days.filter((day) => !cold.includes(`2026-01-0${day}`))
  const sumOf = (day: number): number => day * 1_000 * stillRows + (stillRows * (stillRows + 1)) / 2
  const expectedSum = here.reduce((total, day) => total + sumOf(day), 0)
  if (rows === here.length * stillRows && sum === expectedSum) return
  errors.push(`the reader found ${rows} rows of days ${here.join(', ')}, sum ${sum} instead of ${expectedSum}`)
}

/** What the writers were told is there, as `textsOf` of a relation gives it. */
export function expectedTexts(log: Log, day: number): readonly string[] {
  const written = [...log].filter(([, row]) => row.day === day)
  const still = Array.from({ length: stillRows }, (_, index): [number, WrittenRow] => {
    const g = index + 1
    return [day * 1_000 + g, { day, minute: g * 10, kind: g % 3, amount: g * 0.25, note: `note ${g}` }]
  })
  return [...still, ...written]
    .map(
      ([id, { minute, kind, amount, note }]) =>
        `${id} ${(day - 1) * 1_440 + minute} ${kind} ${amount.toFixed(2)} ${note}`,
    )
    .toSorted()
}

export async function readTexts(on: Db | Session, relation: string, day: number): Promise<readonly string[]> {
  const { rows } = await on.query<{ text: string }>(sql`
    select concat_ws(' ', id, (extract(epoch from at - timestamptz '2026-01-01 00:00Z') / 60)::int4, kind, amount, note) as text
    from ${sql.raw(relation)}
    where at >= ${`2026-01-0${day} 00:00Z`}::timestamptz
      and at < ${`2026-01-0${day + 1} 00:00Z`}::timestamptz`)
  return rows.map(({ text }) => text).toSorted()
}
