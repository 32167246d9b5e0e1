// For any layout, zone, moment and partitions already there: what is made covers every instant from the first period to
// the end of the last one ahead (rows are inserted all over it), overlaps nothing (Postgres refuses that), has names of its
// own (likewise), and leaves nothing missing.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Db, Session } from '../../src/db/db.ts'
import { readMissing } from '../../src/partitions/missing.ts'
import { grains, type Grain, type PartitionedTable } from '../../src/partitions/options.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { checkProperty } from '../support/property.ts'
import { declare } from './support.ts'

const zones = [
  'UTC',
  'Pacific/Apia',
  'America/Sao_Paulo',
  'America/Havana',
  'Asia/Beirut',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Europe/Berlin',
  'America/St_Johns',
  'Africa/Monrovia',
] as const

/** Nights in which clocks went forward or back, a day was left out, a year began. */
const nights = [
  '2011-12-30T10:00:00Z',
  '2018-11-04T03:00:00Z',
  '2018-02-18T02:00:00Z',
  '2023-03-25T22:00:00Z',
  '2024-04-06T15:00:00Z',
  '2024-10-05T15:30:00Z',
  '2026-03-29T01:00:00Z',
  '2026-10-25T01:00:00Z',
  '2026-11-01T05:00:00Z',
  '2026-12-31T23:59:59Z',
  '1972-01-07T00:44:30Z',
]

const lengthMs: Readonly<Record<Grain, number>> = {
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
  month: 30 * 86_400_000,
  quarter: 91 * 86_400_000,
  year: 365 * 86_400_000,
}

const types = ['timestamptz', 'timestamp', 'date', 'uuid'] as const

interface Draw {
  readonly grain: Grain
  readonly type: (typeof types)[number]
  readonly zone: string
  readonly night: string
  readonly offsetMinutes: number
  readonly ahead: number
  /** Periods before now, where it is said. */
  readonly from: number | undefined
  readonly keep: { readonly age: string } | { readonly count: number } | undefined
  /** Places, in tenths of a period around now; two and two are a partition that is there. */
  readonly there: readonly number[]
}

const draws: fc.Arbitrary<Draw> = fc.record({
  grain: fc.constantFrom(...grains),
  type: fc.constantFrom(...types),
  zone: fc.constantFrom(...zones),
  night: fc.constantFrom(...nights),
  offsetMinutes: fc.integer({ min: -3_000, max: 3_000 }),
  ahead: fc.integer({ min: 0, max: 6 }),
  from: fc.option(fc.integer({ min: -2, max: 12 }), { nil: undefined }),
  keep: fc.option(
    fc.oneof(
      fc.constantFrom('3 hours', '2 days', '1 month').map((age) => ({ age })),
      fc.integer({ min: 1, max: 6 }).map((count) => ({ count })),
    ),
    { nil: undefined },
  ),
  there: fc.uniqueArray(fc.integer({ min: -100, max: 60 }), { maxLength: 8 }),
})

function declaredOf({ grain, type, zone: drawn, ahead, from, keep }: Draw, at: Date): PartitionedTable {
  const zone = grain === 'hour' ? 'UTC' : drawn
  const known = type === 'date' && grain === 'hour' ? 'day' : grain
  return declare({
    layout: { kind: 'time', column: 'at', grain: known, zone, split: undefined },
    ahead,
    from: from === undefined ? undefined : dayOf(new Date(at.getTime() - from * lengthMs[known])),
    retain: keep === undefined ? undefined : { keep, grace: '1 day', finally: 'drop', archive: undefined },
  })
}

const dayOf = (moment: Date): string => moment.toISOString().slice(0, 10)

describeOnEachVersion('missing partitions, whatever is declared', (_version, database) => {
  test('cover, never overlap, and are missing once', async () => {
    await checkProperty(
      'periods of time',
      draws,
      (draw) => database().db.withSession((session) => holds(session, draw)),
      { runs: 60 },
    )
  })

  test('of ids too', async () => {
    const ids = fc.record({
      step: fc.bigInt({ min: 1n, max: 1n << 62n }),
      largest: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
      ahead: fc.integer({ min: 0, max: 5 }),
      back: fc.integer({ min: 0, max: 5 }),
    })
    await checkProperty(
      'periods of ids',
      ids,
      ({ step, largest, ahead, back }) => idsHold(database().db, step, largest, ahead, back),
      {
        runs: 40,
        examples: [[{ step: 1n << 62n, largest: (1n << 63n) - 1n, ahead: 3, back: 1 }]],
      },
    )
  })
})

async function holds(session: Session, draw: Draw): Promise<void> {
  const at = new Date(new Date(draw.night).getTime() + draw.offsetMinutes * 60_000)
  const declared = declaredOf(draw, at)
  const question = { declared, columnType: draw.type, at }
  await session.query(sql`begin`)
  try {
    await session.query(
      sql.raw(
        `set local time zone 'Asia/Tokyo'; create table plays (at ${draw.type} not null) partition by range (at)`,
      ),
    )
    const { rows } = await session.query<{ oid: number }>(sql`select 'plays'::regclass::oid as oid`)
    const firstThere = await makeThere(session, draw, at, declared)
    const parent = rows[0]?.oid
    const missing = await readMissing(session, { ...question, parent })
    expect(missing.every(({ taken }) => !taken)).toBe(true)
    for (const { name, lower, upper } of missing) {
      await session.query(sql.raw(`create table "${name}" partition of plays for values from (${lower}) to (${upper})`))
    }
    expect(await readMissing(session, { ...question, parent })).toEqual([])
    await fill(session, { draw, at, declared, firstThere })
  } finally {
    await session.query(sql`rollback`)
  }
}

/** Partitions of somebody else's making, anywhere; gives back where the first begins. */
async function makeThere(
  session: Session,
  draw: Draw,
  at: Date,
  { layout }: PartitionedTable,
): Promise<Date | undefined> {
  const length = layout.kind === 'time' ? lengthMs[layout.grain] : 0
  const places = draw.there.toSorted((left, right) => left - right)
  const moments = places.map((place) => new Date(at.getTime() + Math.round((place * length) / 10 / 60_000) * 60_000))
  let first: Date | undefined
  for (let index = 0; index + 1 < moments.length; index += 2) {
    const [lower, upper] = [moments[index], moments[index + 1]].map((moment) => literalOf(draw.type, moment ?? at))
    if (lower === upper) continue
    first ??= moments[index]
    await session.query(
      sql.raw(`create table there_${index} partition of plays for values from ('${lower}') to ('${upper}')`),
    )
  }
  return first
}

function literalOf(type: Draw['type'], moment: Date): string {
  if (type === 'date') return dayOf(moment)
  if (type === 'timestamp') return moment.toISOString().slice(0, 19)
  if (type === 'timestamptz') return moment.toISOString()
  const hex = Math.max(0, moment.getTime()).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}

interface Filling {
  readonly draw: Draw
  readonly at: Date
  readonly declared: PartitionedTable
  readonly firstThere: Date | undefined
}

/**
 * A row at 200 moments of what has to be covered, at its first and at its last microsecond. Where nothing says how far
 * back, that begins with what is there.
 */
async function fill(session: Session, { draw, at, declared, firstThere }: Filling): Promise<void> {
  const { layout, ahead, from, retain } = declared
  if (layout.kind !== 'time') return
  const isWall = draw.type === 'timestamp' || draw.type === 'date'
  const begins = from === undefined && firstThere !== undefined ? firstThere.toISOString() : null
  const { grain, zone } = layout
  const length = grain === 'quarter' ? '3 months' : `1 ${grain}`
  const age = retain !== undefined && 'age' in retain.keep ? retain.keep.age : null
  const count = retain !== undefined && 'count' in retain.keep ? retain.keep.count : null
  const value = {
    timestamptz: `t at time zone '${zone}'`,
    timestamp: 't',
    date: 't::date',
    uuid: `(overlay(lpad(to_hex(floor(extract(epoch from t at time zone '${zone}') * 1000)::int8), 12, '0') placing '-' from 9 for 0) || '-7fff-bfff-ffffffffffff')::uuid`,
  }[draw.type]
  await session.query(sql`
    with bounds as (
      select greatest(case when first_there <= now_local then first_there end, date_trunc(${grain}, greatest(
          least(coalesce(${from ?? null}::timestamp, now_local), now_local),
          case when ${age}::text is not null then now_local - ${age}::interval end,
          -- With a count, what is kept depends on what is there: the period of now is.
          case when ${count}::int4 is not null then now_local end
        ))) as first,
        date_trunc(${grain}, now_local) + ${ahead + 1} * ${length}::interval as last
      from (
        select ${at}::timestamptz at time zone ${zone} as now_local,
          date_trunc(${draw.type === 'date' ? 'day' : 'microseconds'}, case
            when ${isWall} then ${begins}::timestamptz at time zone 'UTC'
            else ${begins}::timestamptz at time zone ${zone}
          end) as first_there
      ) as n
    ), moments as (
      select first + (last - first) * (n / 200.0) as t from bounds, generate_series(0, 199) as n
      union all
      select last - interval '1 microsecond' from bounds
    )
    insert into plays (at)
    select ${sql.raw(value)}
    from moments, bounds
    where t < last
      -- A wall clock that was never shown (Pacific/Apia, 30 December 2011) is an instant after the end of its day.
      and (${isWall} or t at time zone ${zone} < last at time zone ${zone})
      and (${draw.type} <> 'uuid' or t >= '1970-01-02')`)
}

async function idsHold(db: Db, step: bigint, largest: bigint, ahead: number, back: number): Promise<void> {
  const period = (id: bigint): bigint => id - (((id % step) + step) % step)
  const start = period(largest) - BigInt(back) * step
  const from = start < -(1n << 62n) ? undefined : start
  const declared = declare({
    layout: { kind: 'id', column: 'id', step, split: undefined },
    ahead,
    from: from?.toString(),
  })
  await db.withSession(async (session) => {
    await session.query(sql`begin`)
    try {
      await session.query(sql`create table plays (id int8 not null) partition by range (id)`)
      const { rows } = await session.query<{ oid: number }>(sql`select 'plays'::regclass::oid as oid`)
      const question = { declared, parent: rows[0]?.oid, columnType: 'int8', largest }
      for (const { name, lower, upper } of await readMissing(session, question)) {
        await session.query(
          sql.raw(`create table "${name}" partition of plays for values from (${lower}) to (${upper})`),
        )
      }
      expect(await readMissing(session, question)).toEqual([])
      const end = period(largest) + BigInt(ahead + 1) * step - 1n
      const most = (1n << 63n) - 1n
      for (const id of [from ?? largest, largest, end > most ? most : end]) {
        await session.query(sql`insert into plays (id) values (${id.toString()})`)
      }
    } finally {
      await session.query(sql`rollback`)
    }
  })
}
