// Whether named queries use the indexes that they are expected to, as plans say that are made and never run.

import { expect, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import type { Reading } from '../../../src/watch/model/server-probe.ts'
import { createExpectedIndexProbe, type ExpectedIndex } from '../../../src/watch/probes/expected-index.ts'
import { askProbe } from '../../../src/watch/sampler/ask.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'

const expected = (name: string, text: string, index: string, schema = 'Odd "s'): ExpectedIndex => ({
  name,
  sql: text,
  schema,
  index,
})

describeOnEachVersion(
  'expected indexes',
  (version, database) => {
    const ask = async (...all: readonly ExpectedIndex[]): Promise<Reading> => {
      const facts = {
        node: 'primary',
        major: version,
        isReplica: false,
        isSuperuser: true,
        seesAll: true,
        extensions: new Set<string>(),
        settings: {},
        isLocal: true,
      }
      const { signal } = new AbortController()
      return await database().db.withSession((session) =>
        askProbe(session, createExpectedIndexProbe(all), { facts, signal }),
      )
    }
    const used = async (...all: readonly ExpectedIndex[]): Promise<Readonly<Record<string, number>>> =>
      Object.fromEntries((await ask(...all)).points.map(({ labels, value }) => [labels[0] ?? '', value]))

    test('are found where a plan has them, with parameters and without, and in partitions', async () => {
      const plays = '"Odd ""s"."Plays"'
      expect(
        await used(
          expected('by song', `select * from ${plays} where song_id = $1 -- a comment`, 'Plays song'),
          expected('by constant', `select * from ${plays} where song_id = 5;`, 'Plays song'),
          expected('by bitmap', `select count(*) from ${plays} where song_id = $1 or song_id = $2`, 'Plays song'),
          expected('written', `update ${plays} set note = $2 where song_id = $1`, 'Plays song'),
          expected(
            'by partition',
            'select * from parted where at >= $1 and at < $2 and id = $3',
            'parted_id',
            'public',
          ),
          expected('other index', `select * from ${plays} where song_id = $1`, 'Plays note'),
          expected('no index', `select * from ${plays} where note || 'x' = $1`, 'Plays note'),
        ),
      ).toEqual({
        'by song': 1,
        'by constant': 1,
        'by bitmap': 1,
        written: 1,
        'by partition': 1,
        'other index': 0,
        'no index': 0,
      })
    })

    test('of a small table say nothing while they are there and not used', async () => {
      const { db } = database()
      await db.query(sql`
        create table few (id int, note text);
        create index few_id on few (id);
        insert into few select g, 'note' from generate_series(1, 100) as g;
        analyze few`)
      const reading = await ask(
        expected('small', 'select * from few where id = $1', 'few_id', 'public'),
        expected('not there', 'select * from few where id = $1', 'gone', 'public'),
      )
      expect(reading.points).toMatchObject([{ labels: ['not there'], value: 0 }])
      expect(reading.detail).toMatchObject([
        { query: 'small', isUsed: false, isSmall: true, found: 'no index' },
        { query: 'not there', isUsed: false, isSmall: false },
      ])
    })

    test('names that are looked for as an application does are found', async () => {
      expect(await used(expected('plain', 'select * from parted where id = $1', 'parted_id', 'public'))).toEqual({
        plain: 1,
      })
    })

    test('where one cannot be planned, the others are asked all the same, and it says why', async () => {
      const reading = await ask(
        expected('no table', 'select * from nowhere', 'x'),
        expected('no sense', 'selekt 1', 'x'),
        expected('two', 'select 1; drop table parted', 'x'),
        expected('no index', 'select * from parted where id = $1', 'gone', 'public'),
        expected('fine', 'select * from parted where id = $1', 'parted_id', 'public'),
      )
      expect(reading.points.map(({ value }) => value)).toEqual([0, 0, 0, 0, 1])
      expect(reading.detail).toMatchObject([
        { query: 'no table', found: 'it cannot be planned: SQLSTATE 42P01' },
        { query: 'no sense', found: 'expected one statement that can be parsed' },
        { query: 'two', found: 'expected one statement that can be parsed' },
        { query: 'no index', found: expect.stringContaining('parted_') as string },
        { query: 'fine', isUsed: true },
      ])
    })

    test('an index that is dropped is not used any more, and nothing is left on the connection', async () => {
      const { db } = database()
      const one = expected('by note', 'select * from "Odd ""s"."Plays" where note = $1', 'Plays note')
      expect(await used(one)).toEqual({ 'by note': 1 })
      await db.query(sql`drop index "Odd ""s"."Plays note"`)
      expect(await used(one)).toEqual({ 'by note': 0 })
      const { rows } = await db.query(sql`select from pg_prepared_statements where name = 'pgstrata_expected'`)
      expect(rows).toEqual([])
    })
  },
  async ({ db }) => {
    await db.query(sql`
      create schema "Odd ""s";
      create table "Odd ""s"."Plays" (id bigint primary key, song_id bigint, note text) with (fillfactor = 10);
      insert into "Odd ""s"."Plays" select g, g % 5000, 'note ' || g from generate_series(1, 20000) as g;
      create index "Plays song" on "Odd ""s"."Plays" (song_id);
      create index "Plays note" on "Odd ""s"."Plays" (note);
      create table parted (id bigint, at timestamptz) partition by range (at);
      create table parted_1 partition of parted for values from ('2026-01-01') to ('2026-02-01');
      create table parted_2 partition of parted for values from ('2026-02-01') to ('2026-03-01');
      insert into parted select g, '2026-01-01'::timestamptz + g * interval '2 min' from generate_series(1, 40000) as g;
      create index parted_id on parted (id);
      analyze`)
  },
)
