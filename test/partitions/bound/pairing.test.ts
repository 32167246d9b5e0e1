// Keys and indexes with the same columns: each of the old table's becomes the part of its own, and none is built in the swap.

import { expect, it } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase } from '../../support/postgres.ts'
import { bound, convert, convertAndListen, ofKind, run, subjectOf } from './support.ts'

const pairs = sql`
  select p.relname::text as parent, c.relname::text as child
  from pg_inherits i
  join pg_class p on p.oid = i.inhparent
  join pg_class c on c.oid = i.inhrelid
  where p.relkind = 'I'
    and c.relname like 'plays_before%'
  order by 1`

const table = (...parts: readonly string[]): string =>
  `create table plays (${['id bigint not null', 'at timestamptz not null', ...parts].join(', ')})`
const row = `insert into plays values (1, '2024-02-02')`

const cases = [
  {
    what: 'that were the same',
    make: [
      table('constraint plays_pkey primary key (id, at)'),
      'create unique index plays_a on plays (id, at)',
      'alter table plays add constraint plays_b unique (id, at)',
      'create index plays_c on plays (id)',
      'create index "Plays" on plays (id)',
    ],
  },
  {
    what: 'that become the same by widening',
    make: [
      table('constraint plays_b unique (id, at)', 'constraint plays_pkey primary key (id)'),
      'create unique index plays_c on plays (id)',
      'create unique index plays_a on plays (id, at)',
    ],
  },
]

describeOnEachVersion('indexes with the same columns', (version) => {
  it.each(cases)('$what go together with their own', async ({ make }) => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(db, ...make, row)
      expect(await convertAndListen(db, subjectOf({ table: 'plays', method: 'relabel' }))).toEqual([])
      const { rows } = await db.query<{ parent: string; child: string }>(pairs)
      const expected = rows.map(({ parent }) => ({
        parent,
        child: parent.startsWith('plays') ? parent.replace('plays', 'plays_before') : `plays_before_${parent}`,
      }))
      expect(rows.length).toBeGreaterThan(3)
      expect(rows).toEqual(expected)
    } finally {
      await database.close()
    }
  })

  it('are there for the copy before the rows where they are what it finds them by, and only those', async () => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(
        db,
        table(
          'a text',
          'constraint "all" unique (at, id)',
          'constraint early unique (a)',
          'constraint late unique (id) deferrable',
        ),
      )
      const items = await bound(db, subjectOf({ table: 'plays', method: 'copy' }))
      const first = ofKind(items, 'unique constraint').filter(({ statements }) => statements.prepare !== undefined)
      expect(first.map(({ name }) => name)).toEqual(['"all"'])
    } finally {
      await database.close()
    }
  })

  it('do not count as holding a column that they compare by another collation', async () => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(
        db,
        'create table plays (id bigint not null, slug text not null)',
        'create unique index by_bytes on plays (slug collate "C")',
        'create unique index by_pattern on plays (id, slug text_pattern_ops)',
      )
      const layout = { kind: 'hash', column: 'slug', into: 2 } as const
      const subject = subjectOf({ table: 'plays', method: 'copy', layout, accept: [] })
      const open = (await bound(db, subject)).filter(({ verdict }) => verdict !== 'carried')
      expect(open.map(({ name, consent }) => [name, consent])).toEqual([['by_bytes', 'wider-keys']])
      await convert(db, { ...subject, accept: ['wider-keys'] })
      await run(db, `insert into plays values (1, 'a')`)
      await expect(run(db, `insert into plays values (2, 'a')`)).rejects.toThrow('slug')
    } finally {
      await database.close()
    }
  })
})
