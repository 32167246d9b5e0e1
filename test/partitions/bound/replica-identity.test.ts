// Replica identity: on the table as well, where those who make partitions later look for it.

import { expect, it } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase } from '../../support/postgres.ts'
import { bound, convert, methods, obstacles, run, subjectOf } from './support.ts'

const identities = sql`
  select distinct relreplident::text as identity
  from pg_class
  where relname ~ '^plays'
    and relkind in ('r', 'p')`

describeOnEachVersion('replica identity', (version) => {
  it.each(methods)('is that of the table and of every partition (%s)', async (method) => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      for (const [identity, letter] of [
        ['full', 'f'],
        ['nothing', 'n'],
      ] as const) {
        await run(
          db,
          'drop table if exists plays, plays_before',
          'create table plays (id bigint not null, at timestamptz not null)',
          `alter table plays replica identity ${identity}`,
        )
        await convert(db, subjectOf({ table: 'plays', method }))
        expect((await db.query(identities)).rows).toEqual([{ identity: letter }])
      }
    } finally {
      await database.close()
    }
  })

  it('by an index that is widened needs the column it gains', async () => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(
        db,
        'create table plays (id bigint not null, slug text)',
        'create unique index by_id on plays (id)',
        'alter table plays replica identity using index by_id',
        'insert into plays values (1, null)',
      )
      const subject = subjectOf({ table: 'plays', method: 'copy', layout: { kind: 'hash', column: 'slug', into: 2 } })
      expect(obstacles(await bound(db, subject))).toEqual([['partition column', 'slug', 'refused']])
      await run(db, `update plays set slug = 'a'`)
      await convert(db, subject)
      await run(db, 'drop table plays_before')
      expect((await db.query(identities)).rows).toEqual([{ identity: 'i' }])
    } finally {
      await database.close()
    }
  })
})
