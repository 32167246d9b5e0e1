// A table by day for the tests of moves: six partitions of January 2026, a unique key, a serial number of each write; and somebody
// who holds a transaction open for as long as a test says.

import { systemClock } from '../../src/base/clock.ts'
import type { Db, Session } from '../../src/db/db.ts'
import { onlyRow } from '../../src/db/db.ts'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { contributeTiers } from '../../src/tiers/history/contribute.ts'
import type { TieredTable, Warm } from '../../src/tiers/model/options.ts'
import { applyPlan } from '../../src/plan/index.ts'
import { declareTable, install, layOut } from '../partitions/life-support.ts'
import { run, warmOf } from './exchange-support.ts'

export const days = [1, 2, 3, 4, 5, 6] as const

export function tieredEvents(warm: Partial<Warm> = {}, cold?: TieredTable['cold']): TieredTable {
  const partitioned = declareTable({
    key: 'events',
    table: 'events',
    layout: { kind: 'time', column: 'at', grain: 'day', zone: 'UTC', split: undefined },
    outside: 'refuse',
  })
  const packed = warmOf({
    strength: 'packed',
    segmentBy: ['kind'],
    orderBy: [{ column: 'at', descending: false }],
    indexes: [],
    ...warm,
  })
  return { partitioned, warm: packed, cold }
}

/** `rows` of each day, applied with its tiers. */
export async function createEvents(db: Db, table: TieredTable, rows = 200): Promise<void> {
  await install(db)
  await run(
    db,
    `create table events (
      id bigint not null,
      at timestamptz not null,
      kind int not null,
      amount numeric(12, 2),
      note text,
      primary key (id, at)
    ) partition by range (at)`,
    ...days.map(
      (day) =>
        `create table ${partitionOf(day)} partition of events for values from ('2026-01-0${day} 00:00Z') to ('2026-01-0${day + 1} 00:00Z')`,
    ),
    `insert into events
    select d * 100000 + g, timestamptz '2026-01-01 00:00Z' + (d - 1) * interval '1 day' + g * interval '1 minute', g % 3, g * 0.25, 'note ' || g
    from unnest('{1, 2, 3, 4, 5, 6}'::int[]) as d, generate_series(1, ${rows}) as g`,
  )
  await layOut(db, table.partitioned)
  await applyTiers(db, [table])
}

export function partitionOf(day: number): string {
  return `events_2026_01_0${day}`
}

export async function applyTiers(db: Db, tables: readonly TieredTable[]): Promise<void> {
  await applyPlan({
    db,
    contribute: async (session) => [await contributeTiers(session, { tables })],
    ladder: { firstTimeoutMs: 100, lastTimeoutMs: 200, tries: 3, concurrentTimeoutMs: 20_000 },
    waitMs: 10_000,
    clock: systemClock,
    random: () => 0.5,
  })
}

export interface Holder {
  readonly session: Session
  end(how: 'commit' | 'rollback'): Promise<void>
}

/** A transaction that has run these statements, BEGIN first, and stays open. */
export async function hold(url: string, ...statements: readonly string[]): Promise<Holder> {
  const db = openDb({ url, max: 1 })
  let endIt: (how: 'commit' | 'rollback') => void = () => undefined
  const ending = new Promise<'commit' | 'rollback'>((resolve) => (endIt = resolve))
  let over: Promise<void> = Promise.resolve()
  const session = await new Promise<Session>((resolve, reject) => {
    over = db.withSession(async (own) => {
      for (const statement of statements) await own.query(sql.raw(statement))
      resolve(own)
      await own.query(sql.raw(await ending))
    })
    over.catch(reject)
  })
  return {
    session,
    end: async (how) => {
      endIt(how)
      await over
      await db.close()
    },
  }
}

/** Count and sum of all that is read under that name. */
export async function sumOf(on: Db | Session, relation = 'events_history'): Promise<string> {
  const answer = await on.query<{ sum: string }>(
    sql.raw(`select count(*) || ' ' || coalesce(sum(hashtextextended(t::text, 0)), 0) as sum from ${relation} as t`),
  )
  return onlyRow(answer).sum
}

/** Does something once, when a step has led to that state; `seen`: all states that steps led to. */
export function once(
  state: string,
  work: () => Promise<unknown>,
): { readonly seen: string[]; readonly onCommit: (what: string) => Promise<void> } {
  const seen: string[] = []
  return {
    seen,
    onCommit: async (what) => {
      seen.push(what)
      if (what === state && seen.filter((one) => one === state).length === 1) await work()
    },
  }
}
