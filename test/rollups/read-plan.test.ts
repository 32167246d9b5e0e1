// A reader looks at the partitions of the source that its interval cuts, at the index of what is merged, and at nothing else;
// what it asks with depends on no setting of the session.

import { expect, test } from 'vitest'
import { mergeRollup } from '../../src/rollups/merge/merge.ts'
import { createReader } from '../../src/rollups/read/reader.ts'
import type { DeclaredRollup, ReaderOf } from '../../src/rollups/read/types.ts'
import type { Shape } from '../../src/rollups/model/shape.ts'
import { sql, type Sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion, type TestDatabase } from '../support/postgres.ts'
import { install, patience, rollupOf, run } from './support.ts'

interface Declared extends DeclaredRollup {
  readonly bucket: string
  readonly by: readonly ['song']
}

const months = ['01', '02', '03', '04', '05', '06']

async function prepare({ db }: TestDatabase): Promise<void> {
  await run(
    db,
    'create table plays (song int, at timestamptz not null, amount numeric) partition by range (at)',
    ...months.map(
      (month, index) =>
        `create table plays_${month} partition of plays for values from ('2026-${month}-01Z') to ('2026-${months[index + 1] ?? '07'}-01Z')`,
    ),
    'create index on plays (at)',
    `insert into plays select n % 50, '2026-01-01Z'::timestamptz + n * interval '5 minutes', 1 from generate_series(0, 52000) n`,
    'analyze plays',
  )
  const shapes = await install(db, rollups)
  await db.withSession(async (session) => {
    for (const shape of shapes) await mergeRollup(session, shape, patience)
  })
  await run(db, 'analyze song_plays_merged', 'analyze in_berlin_merged', 'analyze by_day_merged')
  installed = shapes
}

const zone = 'Europe/Berlin'
const rollups = [
  rollupOf(),
  rollupOf({ name: 'in_berlin', bucket: { column: 'at', span: { unit: 'hour', count: 1 }, zone } }),
  rollupOf({ name: 'by_day', bucket: { column: 'at', span: { unit: 'day', count: 1 }, zone } }),
]
let installed: readonly Shape[] = []

interface Node {
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly Plans?: readonly Node[]
}

/** Relation, index and rows of each scan that was begun. */
async function scansOf({ db }: TestDatabase, statement: Sql): Promise<readonly string[]> {
  const { rows } = await db.query<{ 'QUERY PLAN': readonly { Plan: Node }[] }>(
    sql`explain (analyze, costs off, timing off, format json) ${statement}`,
  )
  const walk = (node: Node): readonly Node[] => [node, ...(node.Plans ?? []).flatMap(walk)]
  return rows
    .flatMap((row) => row['QUERY PLAN'].flatMap(({ Plan }) => walk(Plan)))
    .filter((node) => node['Actual Loops'] > 0 && node['Relation Name'] !== undefined)
    .map((node) => node['Relation Name'] ?? '')
}

const readerOn = (shape: Shape | undefined): ReaderOf<Declared> => {
  if (shape === undefined) throw new Error('Nothing is installed')
  return createReader<Declared>({ rollup: shape.rollup, shape })
}

describeOnEachVersion(
  'the plan of a reader',
  (_version, database) => {
    test.each([0, 1, 2])('looks at the partitions that are cut, rollup %d', async (which) => {
      const reader = readerOn(installed[which]).by('song')
      const cut = await reader.between(new Date('2026-02-10T10:10:10Z'), new Date('2026-04-10T10:10:10Z')).compile()
      const sources = (await scansOf(database(), cut)).filter((name) => name.startsWith('plays'))
      expect(sources.toSorted()).toEqual(['plays_02', 'plays_04'])
    })

    test.each([0, 1, 2])('reads no row of the source where whole buckets are asked for, rollup %d', async (which) => {
      const reader = readerOn(installed[which]).by('song')
      const whole = await reader.between('2026-02-10T23:00:00Z', '2026-02-20T23:00:00Z').compile()
      const { rows } = await database().db.query<{ 'QUERY PLAN': readonly { Plan: Node }[] }>(
        sql`explain (analyze, costs off, timing off, format json) ${whole}`,
      )
      const walk = (node: Node): readonly Node[] => [node, ...(node.Plans ?? []).flatMap(walk)]
      const read = rows
        .flatMap((row) => row['QUERY PLAN'].flatMap(({ Plan }) => walk(Plan)))
        .filter((node) => node['Relation Name']?.startsWith('plays') === true)
      expect(read.map((node) => node['Actual Rows'])).toEqual(read.map(() => 0))
    })

    test('finds one key by the index of what is merged', async () => {
      const statement = await readerOn(installed[0])
        .where({ song: 7 })
        .since('2026-01-10T10:10:00Z')
        .by('day')
        .compile()
      const { rows } = await database().db.query<{ 'QUERY PLAN': string }>(sql`explain (costs off) ${statement}`)
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
      expect(plan).toMatch(/Index Cond: \(\(song = 7\) AND \(bucket >=/)
      expect(plan).toMatch(/plays_01_at_idx/)
    })

    test('depends on no zone of the session, nor on its search_path', async () => {
      const { db } = database()
      const answers: unknown[] = []
      for (const settings of [
        `set timezone = 'UTC'`,
        `set timezone = 'Pacific/Apia'; set datestyle = 'ISO, DMY'; set search_path = ''`,
      ]) {
        await db.withSession(async (session) => {
          await run(session, settings)
          for (const shape of installed) {
            const reader = createReader<Declared>({
              rollup: shape.rollup,
              shape,
              query: (statement) => session.query(statement),
            })
            answers.push(await reader.between('2026-03-01', '2026-03-29 04:30').by('day').orderBy('day').rows())
            // It is later than all there is, except that days are counted.
            answers.push(await reader.since('300000 days').rows())
          }
          await run(session, 'reset all')
        })
      }
      expect(answers.slice(6)).toEqual(answers.slice(0, 6))
      expect(answers.flat().length).toBeGreaterThan(60)
    })

    test('takes a span as that long before now, by the calendar of the zone', async () => {
      const { db } = database()
      const shape = installed[2]
      if (shape === undefined) throw new Error('Nothing is installed')
      await db.withSession(async (session) => {
        await run(
          session,
          'begin',
          `set local timezone = 'Pacific/Apia'`,
          'create table plays_then partition of plays default',
          // By the microsecond before, at and behind the moment.
          `insert into plays select 53, ((now() at time zone '${zone}') - interval '10 days') at time zone '${zone}' + n * interval '1 microsecond', 1 from generate_series(-2, 1) n`,
          `insert into plays select 54, now() - interval '36 hours' + n * interval '1 microsecond', 1 from generate_series(-2, 1) n`,
        )
        const reader = createReader<Declared>({
          rollup: shape.rollup,
          shape,
          query: (statement) => session.query(statement),
        })
        const since = async (song: number, span: string): Promise<unknown> =>
          (await reader.where({ song }).since(span).measures('plays').rows())[0]
        expect(await since(53, '10 days')).toEqual({ plays: '2' })
        expect(await since(54, '36 hours')).toEqual({ plays: '2' })
        await run(session, 'rollback')
      })
    })
  },
  prepare,
)
