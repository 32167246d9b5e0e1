// Publications, and what the leaves of the new table need to be published.

import { expect, it } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase } from '../../support/postgres.ts'
import { bound, convert, methods, obstacles, run, subjectOf } from './support.ts'

const tables = `create table plays (id bigint not null, at timestamptz not null, note text, primary key (id, at));
create table other (id bigint primary key);
create publication listed for table plays (id, at) where (id > 5), table other;
create publication rooted for table plays with (publish_via_partition_root = true)`

const published = sql`
  select pubname::text as publication, tablename::text as table, attnames::text as columns, rowfilter as filter
  from pg_publication_tables
  order by 1, 2`

describeOnEachVersion('publications', (version) => {
  it.each(methods)('show the same tables, columns and rows as before (%s)', async (method) => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(db, tables)
      const before = await db.query(published)
      await convert(db, subjectOf({ table: 'plays', method }))
      expect((await db.query(published)).rows).toEqual(before.rows)
    } finally {
      await database.close()
    }
  })

  it('are set to publish by the root only by consent', async () => {
    const database = await testDatabase(version)
    try {
      await run(database.db, tables)
      const items = await bound(database.db, subjectOf({ table: 'plays', method: 'copy', accept: [] }))
      expect(obstacles(items)).toEqual([['publication', 'listed', 'publish-via-root']])
    } finally {
      await database.close()
    }
  })

  it('of everything would send a copy to subscribers, and are refused for it', async () => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(
        db,
        tables,
        'create publication whole for all tables with (publish_via_partition_root = true)',
        'create publication around for tables in schema public with (publish_via_partition_root = true)',
      )
      const seen = async (method: 'copy' | 'relabel'): Promise<unknown> =>
        obstacles(await bound(db, subjectOf({ table: 'plays', method })))
      expect(await seen('copy')).toEqual([
        ['publication', 'around', 'refused'],
        ['publication', 'whole', 'refused'],
      ])
      expect(await seen('relabel')).toEqual([])
    } finally {
      await database.close()
    }
  })

  it.each([
    ['full', 'full', 'f'],
    ['nothing', 'nothing', 'n'],
    ['an index', 'using index wide', 'i'],
  ])('find the replica identity on every leaf: %s', async (_, identity, letter) => {
    for (const method of methods) {
      const database = await testDatabase(version)
      try {
        const { db } = database
        await run(
          db,
          tables,
          'create unique index wide on plays (at, id)',
          `alter table plays replica identity ${identity}`,
        )
        await convert(db, subjectOf({ table: 'plays', method }))
        const { rows } = await db.query<{ letter: string }>(sql`
          select distinct c.relreplident as letter
          from pg_partition_tree('plays') tree
          join pg_class c on c.oid = tree.relid
          where tree.isleaf or ${letter} = 'i'`)
        expect(rows).toEqual([{ letter }])
      } finally {
        await database.close()
      }
    }
  })
})
