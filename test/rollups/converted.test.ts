// A table with rollups becomes a partitioned one: the rollups are exact before, throughout and afterwards.

import { expect, test } from 'vitest'
import { resolveConfig } from '../../src/config/index.ts'
import { openStrata, type Strata } from '../../src/strata.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { run } from './support.ts'

describeOnEachVersion('the conversion of a table with rollups', (_version, database) => {
  test.each([false, true])('is noticed by none of them (by copy: %s)', async (full) => {
    const { db, url } = database()
    const table = full ? 'copied' : 'relabelled'
    const name = `of_${table}`
    await run(
      db,
      `create table ${table} (id bigint generated always as identity, song int, at timestamptz not null, primary key (id, at))`,
      `insert into ${table} (song, at) select n % 7, now() - n * interval '1 hour' from generate_series(1, 3000) n`,
    )
    const tables = { [table]: { time: 'at', partition: 'month' } }
    const rollups = {
      [name]: {
        from: table,
        bucket: '1 hour',
        by: ['song'],
        measures: { n: { kind: 'count' }, ids: { kind: 'sum', of: 'id' } },
        subscriber: true,
      },
    }
    const strata: Strata = openStrata(
      resolveConfig<unknown>({ database: { primary: url }, tables, rollups }, { root: '/', name: 'x' }),
    )
    try {
      await strata.apply()
      const differing = async (read: string, counted: string): Promise<number> =>
        (await db.query(sql.raw(`(${read} except all ${counted}) union all (${counted} except all ${read})`))).rowCount
      const differences = async (): Promise<number> =>
        await differing(
          `select bucket, song, n, ids from ${name}`,
          `select date_trunc('hour', at, 'UTC'), song, count(*), sum(id) from ${table} group by 1, 2`,
        )
      const differencesSince = async (since: string): Promise<number> =>
        await differing(
          `select song, n, ids from ${name}_since(${since})`,
          `select song, count(*), sum(id) from ${table} where at >= ${since} group by 1`,
        )
      const asReplica = async (...statements: readonly string[]): Promise<void> =>
        await db.withSession(async (session) => {
          await run(session, 'set session_replication_role = replica', ...statements)
          await run(session, 'reset session_replication_role')
        })
      expect(await differences()).toBe(0)
      const [declared] = strata.partitions.tables
      if (declared === undefined) throw new Error('There is no table')
      let written = 0
      await strata.conversion.convert(declared, {
        full,
        onEvent: async (event) => {
          if (event.type !== 'transaction') return
          // Between any two steps somebody writes, and somebody reads.
          if (event.moment !== 'committed') return
          await run(
            db,
            `insert into ${table} (song, at) values (${++written}, now() - interval '${written} days')`,
            `update ${table} set song = song + 1 where id % 100 = ${written % 100}`,
            `delete from ${table} where id % 500 = ${written % 500}`,
          )
          await asReplica(
            `insert into ${table} (song, at) values (${written}, now() - interval '${written} hours')`,
            `update ${table} set song = song + 1 where id % 90 = ${written % 90}`,
            `delete from ${table} where id % 400 = ${written % 400}`,
          )
          expect(await differences()).toBe(0)
        },
      })
      expect(written).toBeGreaterThan(3)
      expect(await differences()).toBe(0)
      await strata.apply()
      expect((await strata.plan()).steps).toEqual([])
      await run(db, `insert into ${table} (song, at) values (1, now())`, `delete from ${table} where song = 3`)
      expect(await differences()).toBe(0)
      const { rows } = await db.query<{ name: string }>(
        sql.raw(
          `select relid::regclass::text as name from pg_partition_tree('${table}') where isleaf order by 1 desc limit 1`,
        ),
      )
      await run(db, `delete from ${rows[0]?.name ?? ''}`)
      expect(await differences()).toBe(0)
      // The function names the table, and finds the one that took its place.
      expect(await differencesSince(`now() - interval '50 days'`)).toBe(0)
      await asReplica(
        `insert into ${table} (song, at) values (1, now())`,
        `update ${table} set at = at + interval '40 days'`,
        `truncate ${rows[0]?.name ?? ''}`,
      )
      expect(await differences()).toBe(0)
      expect(await strata.rollup.verify(name)).toMatchObject({ different: 0 })
    } finally {
      await strata.close()
    }
  })
})
