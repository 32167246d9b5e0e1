// Which partitions are missing: exact bounds and names, on clocks that jump, around what is there already.

import { expect, test } from 'vitest'
import type { Layout, PartitionedTable, Retention } from '../../src/partitions/options.ts'
import { readMissing, type MissingPartition } from '../../src/partitions/missing.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { declare } from './support.ts'

interface Case {
  readonly said?: Partial<PartitionedTable>
  readonly type?: string
  readonly at?: string
  readonly largest?: bigint
  /** FOR VALUES … of partitions that are there. */
  readonly existing?: readonly string[]
}

const time = (grain: Extract<Layout, { kind: 'time' }>['grain'], zone = 'UTC'): Layout => ({
  kind: 'time',
  column: 'at',
  grain,
  zone,
  split: undefined,
})
const ids = (step: bigint): Layout => ({ kind: 'id', column: 'at', step, split: undefined })
const keep = (rule: Retention['keep']): Retention => ({
  keep: rule,
  grace: '1 day',
  finally: 'drop',
  archive: undefined,
})

const sqlTypes: Readonly<Record<string, string>> = { uuid: 'uuid', date: 'date' }

describeOnEachVersion('missing partitions', (_version, database) => {
  const missing = async (one: Case): Promise<readonly MissingPartition[]> => {
    const { said, type = 'timestamptz', at = '2026-01-15T12:00:00Z', largest, existing = [] } = one
    const { db } = database()
    await db.query(sql.raw(`create table plays (at ${sqlTypes[type] ?? type}) partition by range (at)`))
    try {
      for (const [index, bound] of existing.entries()) {
        await db.query(sql.raw(`create table there_${index} partition of plays ${bound}`))
      }
      const { rows } = await db.query<{ oid: number }>(sql`select 'plays'::regclass::oid::int4 as oid`)
      const declared = declare({ ahead: 1, ...said })
      return await readMissing(db, { declared, parent: rows[0]?.oid, columnType: type, at: new Date(at), largest })
    } finally {
      await db.query(sql`drop table plays`)
    }
  }
  const spans = async (one: Case): Promise<string[]> =>
    (await missing(one)).map(({ name, lower, upper }) => `${name} ${lower} ${upper}`.replaceAll("'", ''))

  test.each<[string, Case, string[]]>([
    [
      'the month of now and those ahead',
      {},
      [
        'plays_2026_01 2026-01-01 00:00:00+00 2026-02-01 00:00:00+00',
        'plays_2026_02 2026-02-01 00:00:00+00 2026-03-01 00:00:00+00',
      ],
    ],
    [
      'hours',
      { said: { layout: time('hour') }, at: '2026-01-31T07:59:59.999Z' },
      [
        'plays_2026_01_31_07 2026-01-31 07:00:00+00 2026-01-31 08:00:00+00',
        'plays_2026_01_31_08 2026-01-31 08:00:00+00 2026-01-31 09:00:00+00',
      ],
    ],
    [
      'days of a date',
      { said: { layout: time('day') }, type: 'date', at: '2026-01-31T23:59:59Z' },
      ['plays_2026_01_31 2026-01-31 2026-02-01', 'plays_2026_02_01 2026-02-01 2026-02-02'],
    ],
    [
      'weeks begin on Monday and are counted by ISO, over the end of a year',
      { said: { layout: time('week') }, type: 'timestamp', at: '2026-12-31T00:00:00Z' },
      [
        'plays_2026_w53 2026-12-28 00:00:00 2027-01-04 00:00:00',
        'plays_2027_w01 2027-01-04 00:00:00 2027-01-11 00:00:00',
      ],
    ],
    [
      'quarters',
      { said: { layout: time('quarter') }, type: 'date' },
      ['plays_2026_q1 2026-01-01 2026-04-01', 'plays_2026_q2 2026-04-01 2026-07-01'],
    ],
    [
      'years',
      { said: { layout: time('year') }, type: 'date' },
      ['plays_2026 2026-01-01 2027-01-01', 'plays_2027 2027-01-01 2028-01-01'],
    ],
    [
      'periods of the past from where it is said',
      { said: { from: '2025-11-20', ahead: 0 }, type: 'date' },
      [
        'plays_2025_11 2025-11-01 2025-12-01',
        'plays_2025_12 2025-12-01 2026-01-01',
        'plays_2026_01 2026-01-01 2026-02-01',
      ],
    ],
    [
      'a day of 23 hours and one of 25',
      { said: { layout: time('day', 'Europe/Berlin'), from: '2026-03-28', ahead: 0 }, at: '2026-03-30T10:00:00Z' },
      [
        'plays_2026_03_28 2026-03-27 23:00:00+00 2026-03-28 23:00:00+00',
        'plays_2026_03_29 2026-03-28 23:00:00+00 2026-03-29 22:00:00+00',
        'plays_2026_03_30 2026-03-29 22:00:00+00 2026-03-30 22:00:00+00',
      ],
    ],
    [
      'a midnight that does not exist: the day begins at one',
      {
        said: { layout: time('day', 'America/Sao_Paulo'), from: '2018-11-03', ahead: 0 },
        at: '2018-11-04T12:00:00Z',
      },
      [
        'plays_2018_11_03 2018-11-03 03:00:00+00 2018-11-04 03:00:00+00',
        'plays_2018_11_04 2018-11-04 03:00:00+00 2018-11-05 02:00:00+00',
      ],
    ],
    [
      'a day that never was is left out',
      { said: { layout: time('day', 'Pacific/Apia'), from: '2011-12-29', ahead: 0 }, at: '2011-12-30T12:00:00Z' },
      [
        'plays_2011_12_29 2011-12-29 10:00:00+00 2011-12-30 10:00:00+00',
        'plays_2011_12_31 2011-12-30 10:00:00+00 2011-12-31 10:00:00+00',
      ],
    ],
    [
      'a zone of 45 minutes',
      { said: { layout: time('month', 'Asia/Kathmandu'), ahead: 0 }, at: '2026-01-31T18:20:00Z' },
      ['plays_2026_02 2026-01-31 18:15:00+00 2026-02-28 18:15:00+00'],
    ],
    [
      'uuids of version 7, by their 48 bits of milliseconds',
      { type: 'uuid', said: { ahead: 0 } },
      ['plays_2026_01 019b76da-a800-0000-0000-000000000000 019c167f-cc00-0000-0000-000000000000'],
    ],
    [
      'ids, from the period of the largest on',
      { said: { layout: ids(10_000_000n) }, type: 'int8', largest: 25_000_000n },
      ['plays_20000000 20000000 30000000', 'plays_30000000 30000000 40000000'],
    ],
    [
      'ids up to the last that the type has',
      { said: { layout: ids(10_000_000n), ahead: 3 }, type: 'int4', largest: 2_135_000_000n },
      ['plays_2130000000 2130000000 2140000000', 'plays_2140000000 2140000000 maxvalue'],
    ],
    [
      'the largest bigint overflows nothing',
      { said: { layout: ids(1n << 62n), ahead: 3 }, type: 'int8', largest: (1n << 63n) - 1n },
      ['plays_4611686018427387904 4611686018427387904 maxvalue'],
    ],
    [
      'ids below zero',
      { said: { layout: ids(100n), from: '-150', ahead: 0 }, type: 'int2', largest: -1n },
      ['plays_-200 -200 -100', 'plays_-100 -100 0'],
    ],
    [
      'gaps between partitions, and after them',
      {
        said: { layout: time('day'), ahead: 0 },
        type: 'date',
        at: '2026-01-05T00:00:00Z',
        existing: [
          "for values from ('2026-01-01') to ('2026-01-02')",
          "for values from ('2026-01-03') to ('2026-01-04')",
        ],
      },
      [
        'plays_2026_01_02 2026-01-02 2026-01-03',
        'plays_2026_01_04 2026-01-04 2026-01-05',
        'plays_2026_01_05 2026-01-05 2026-01-06',
      ],
    ],
    [
      'periods that are partly covered are clipped, and named so that nothing is named twice',
      {
        said: { layout: time('year'), ahead: 0, from: '2026-01-01' },
        type: 'date',
        existing: ["for values from ('2026-03-01') to ('2026-08-10')"],
      },
      ['plays_2026_to_2026_03_01 2026-01-01 2026-03-01', 'plays_2026_from_2026_08_10 2026-08-10 2027-01-01'],
    ],
    [
      'a finer grain goes on after the last coarse partition',
      {
        said: { layout: time('week'), ahead: 0 },
        type: 'date',
        at: '2026-02-01T00:00:00Z',
        existing: ["for values from ('2026-01-01') to ('2026-02-01')"],
      },
      ['plays_2026_w05_from_2026_02_01 2026-02-01 2026-02-02'],
    ],
    [
      'a partition without a lower bound and one without an upper bound leave nothing to make beyond',
      {
        said: { ahead: 3, from: '2025-01-01' },
        type: 'timestamp',
        existing: [
          "for values from (minvalue) to ('2026-02-01')",
          "for values from ('2026-03-01') to (maxvalue)",
          'default',
        ],
      },
      ['plays_2026_02 2026-02-01 00:00:00 2026-03-01 00:00:00'],
    ],
    [
      'bounds at infinity are bounds like others',
      {
        said: { ahead: 1 },
        existing: [
          "for values from ('-infinity') to ('2026-02-01 00:00+00')",
          "for values from ('2026-03-01 00:00+00') to ('infinity')",
        ],
      },
      ['plays_2026_02 2026-02-01 00:00:00+00 2026-03-01 00:00:00+00'],
    ],
    [
      'nothing is made that retention by age would take out again',
      { said: { layout: time('day'), from: '2025-01-01', ahead: 0, retain: keep({ age: '2 days' }) }, type: 'date' },
      [
        'plays_2026_01_13 2026-01-13 2026-01-14',
        'plays_2026_01_14 2026-01-14 2026-01-15',
        'plays_2026_01_15 2026-01-15 2026-01-16',
      ],
    ],
    [
      'nor by count',
      { said: { layout: time('day'), from: '2025-01-01', ahead: 0, retain: keep({ count: 2 }) }, type: 'date' },
      ['plays_2026_01_14 2026-01-14 2026-01-15', 'plays_2026_01_15 2026-01-15 2026-01-16'],
    ],
    [
      'nor by count, beyond the last of those kept',
      {
        said: { layout: time('day'), from: '2025-01-01', ahead: 0, retain: keep({ count: 2 }) },
        type: 'date',
        existing: [
          "for values from ('2026-01-14 ') to ('2026-01-15')",
          "for values from ('2026-01-15') to ('2026-01-16')",
        ],
      },
      [],
    ],
    [
      'a daemon absent for three months: everything up to now is made up for',
      {
        said: { ahead: 1 },
        type: 'date',
        at: '2026-05-02T00:00:00Z',
        existing: ["for values from ('2026-01-01') to ('2026-02-01')"],
      },
      ['plays_2026_02', 'plays_2026_03', 'plays_2026_04', 'plays_2026_05', 'plays_2026_06'].map((name, index) => {
        const month = (number: number): string => `2026-0${number}-01`
        return `${name} ${month(index + 2)} ${month(index + 3)}`
      }),
    ],
    [
      'hours go on after a partition of centuries',
      {
        said: { layout: time('hour'), ahead: 0 },
        existing: ["for values from ('0044-03-15 00:00+00 BC') to ('2026-01-15 11:00+00')"],
      },
      [
        'plays_2026_01_15_11 2026-01-15 11:00:00+00 2026-01-15 12:00:00+00',
        'plays_2026_01_15_12 2026-01-15 12:00:00+00 2026-01-15 13:00:00+00',
      ],
    ],
    [
      'what is left of a day whose last hour comes twice, and ends after the first midnight',
      {
        said: { layout: time('day', 'America/Havana'), ahead: 0 },
        at: '2026-11-01T06:00:00Z',
        existing: ["for values from ('2026-10-01 04:00+00') to ('2026-11-01 04:30+00')"],
      },
      [
        'plays_2026_10_31_from_2026_11_01_003000 2026-11-01 04:30:00+00 2026-11-01 05:00:00+00',
        'plays_2026_11_01 2026-11-01 05:00:00+00 2026-11-02 05:00:00+00',
      ],
    ],
    [
      'ids go on after a partition of billions',
      {
        said: { layout: ids(1_000n), ahead: 1 },
        type: 'int8',
        largest: 3_000_000_000n,
        existing: ['for values from (-7) to (3000000500)'],
      },
      ['plays_3000000500 3000000500 3000001000', 'plays_3000001000 3000001000 3000002000'],
    ],
    [
      'bounds as late as a timestamp can tell are no obstacle',
      {
        said: { ahead: 0 },
        existing: ["for values from ('12026-03-15 00:00+00') to ('294276-11-01 00:00+00')"],
      },
      ['plays_2026_01 2026-01-01 00:00:00+00 2026-02-01 00:00:00+00'],
    ],
    [
      'a clock gone far back covers that time, and fills nothing up to what is there',
      {
        said: { ahead: 0 },
        type: 'date',
        at: '1970-01-01T00:00:00Z',
        existing: ["for values from ('2026-01-01') to ('2026-02-01')"],
      },
      ['plays_1970_01 1970-01-01 1970-02-01'],
    ],
  ])('%s', async (_title, one, expected) => {
    expect(await spans(one)).toEqual(expected)
  })

  test('more than the limit is seen as such, and costs no more', async () => {
    expect(await missing({ said: { layout: time('hour'), from: '0001-01-01' } })).toHaveLength(4_001)
    expect(await missing({ said: { layout: ids(1n), from: '0' }, type: 'int8', largest: 1n << 62n })).toHaveLength(
      4_001,
    )
  })

  test('a name that is taken is told', async () => {
    const { db } = database()
    await db.query(sql`create view plays_2026_02 as select 1 as one`)
    expect((await missing({})).map(({ taken }) => taken)).toEqual([false, true])
    await db.query(sql`drop view plays_2026_02`)
  })

  test('neither the zone, the style of dates nor the reading of backslashes of a session matter', async () => {
    const { db } = database()
    const expected = await spans({ existing: ["for values from ('2026-01-01 00:00+00') to ('2026-02-01 00:00+00')"] })
    await db.query(sql`create table plays (at timestamptz) partition by range (at)`)
    await db.query(
      sql`create table there partition of plays for values from ('2026-01-01 00:00+00') to ('2026-02-01 00:00+00')`,
    )
    await db.withSession(async (session) => {
      await session.query(
        sql.raw(`set TimeZone = 'Asia/Kolkata'; set DateStyle = 'SQL, DMY'; set standard_conforming_strings = off`),
      )
      const { rows } = await session.query<{ oid: number }>(sql`select 'plays'::regclass::oid::int4 as oid`)
      const found = await readMissing(session, {
        declared: declare({ ahead: 1 }),
        parent: rows[0]?.oid,
        columnType: 'timestamptz',
        at: new Date('2026-01-15T12:00:00Z'),
      })
      expect(found.map(({ name, lower, upper }) => `${name} ${lower} ${upper}`.replaceAll("'", ''))).toEqual(expected)
      await session.query(sql`discard all`)
    })
    await db.query(sql`drop table plays`)
  })
})
