// Unique keys without what rows are divided by: what is offered, what is refused, what is listed.

import { expect, it } from 'vitest'
import { cutIndexDefinition, renderIndexDefinition } from '../../../src/partitions/convert/bound/index-definition.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase } from '../../support/postgres.ts'
import { bound, convert, methods, obstacles, ofKind, run, subjectOf } from './support.ts'

const tables = `create table plays (
  id bigint primary key,
  at timestamptz not null,
  slug text,
  n integer,
  constraint by_slug unique (slug)
);
create unique index lowered on plays (lower(slug));
create unique index rare on plays (n) where n > 5;
create unique index wide on plays (n, at)`

describeOnEachVersion('unique keys', (version) => {
  it('wait for consent where they have to change', async () => {
    const database = await testDatabase(version)
    try {
      await run(database.db, tables)
      const of = async (accept: readonly ('wider-keys' | 'drop-unique')[]): Promise<unknown> =>
        obstacles(await bound(database.db, subjectOf({ table: 'plays', method: 'copy', accept })))
      expect(await of([])).toEqual([
        ['primary key', 'plays_pkey', 'wider-keys'],
        ['unique constraint', 'by_slug', 'wider-keys'],
        ['unique index', 'lowered', 'drop-unique'],
        ['unique index', 'rare', 'drop-unique'],
      ])
      expect(await of(['wider-keys'])).toEqual([
        ['unique index', 'lowered', 'drop-unique'],
        ['unique index', 'rare', 'drop-unique'],
      ])
      expect(await of(['wider-keys', 'drop-unique'])).toEqual([])
    } finally {
      await database.close()
    }
  })

  it.each(methods)('keep what they kept, together with the column (%s)', async (method) => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(db, tables)
      await convert(db, subjectOf({ table: 'plays', method }))
      await run(
        db,
        `insert into plays values (1, '2025-01-01', 'a', 1)`,
        `insert into plays values (1, '2025-01-02', 'a', 1)`,
      )
      await expect(run(db, `insert into plays values (2, '2025-01-01', 'a', 2)`)).rejects.toThrow(/by_slug|plays_2025/)
      const { rows } = await db.query(sql`
        select c.relname::text as name
        from pg_index i
        join pg_class c on c.oid = i.indexrelid
        where i.indrelid = 'plays'::regclass
        order by 1`)
      expect(rows).toEqual([{ name: 'by_slug' }, { name: 'plays_pkey' }, { name: 'wide' }])
    } finally {
      await database.close()
    }
  })

  it('list the statements that name them in ON CONFLICT', async () => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      await run(
        db,
        'create extension pg_stat_statements',
        `set pg_stat_statements.track = 'top'`,
        tables,
        'create table other (id bigint primary key)',
        `with w as (insert into plays as p values (7, '2025-01-01') on conflict (id) do nothing returning 1) select from w`,
        `insert into plays values (8, '2025-01-01', 'secret value') on conflict on constraint by_slug do update set n = 1`,
        `insert into plays (id, at) values (9, '2025-01-01') on conflict do nothing`,
        `insert into other select id from plays on conflict (id) do nothing`,
      )
      const items = await bound(db, subjectOf({ table: 'plays', method: 'copy', accept: [] }))
      const [primary] = ofKind(items, 'primary key')
      expect(primary?.how).toContain('1 statements name it in `on conflict`: with w as (insert into plays as p')
      expect(primary?.how).not.toContain('other')
      const [slug] = ofKind(items, 'unique constraint')
      expect(slug?.how).toContain('on conflict on constraint by_slug')
      expect(slug?.how).not.toContain('secret value')
      expect(slug?.wayOut).toContain('on conflict (slug, at)')
    } finally {
      await database.close()
    }
  })

  it('say that nothing is known where pg_stat_statements is not there', async () => {
    const database = await testDatabase(version)
    try {
      await run(database.db, tables)
      const items = await bound(database.db, subjectOf({ table: 'plays', method: 'copy' }))
      expect(ofKind(items, 'primary key')[0]?.how).toContain('is not known')
    } finally {
      await database.close()
    }
  })

  it('hold both columns of a layout that is divided twice', async () => {
    const database = await testDatabase(version)
    try {
      await run(database.db, tables)
      const layout = {
        kind: 'time',
        column: 'at',
        grain: 'month',
        zone: 'UTC',
        split: { column: 'n', into: 4 },
      } as const
      const items = await bound(database.db, subjectOf({ table: 'plays', method: 'copy', layout }))
      expect(ofKind(items, 'primary key')[0]?.statements.prepare?.join()).toContain('primary key (id, at, n)')
      expect(items.find((item) => item.kind === 'table')?.notNull).toEqual(['n'])
    } finally {
      await database.close()
    }
  })
})

it.each([
  ['USING btree (id)', 'USING btree (id, at) tablespace t'],
  [`USING btree (lower("a)b"), ((x || ' WHERE ('::text))) INCLUDE (c) WHERE (y = ' WHERE '::text)`, undefined],
  [`USING gist (p gist_point_ops (siglen='4'), "WHERE") NULLS NOT DISTINCT WITH (fillfactor='70')`, undefined],
  [`USING btree (((E'\\\\'')('::text || s)))`, undefined],
])('a definition is cut where its parts end: %s', (text, widened) => {
  const cut = cutIndexDefinition(text)
  expect(renderIndexDefinition(cut)).toBe(text)
  const more = renderIndexDefinition(cut, { columns: ['at'], tablespace: 't' })
  expect(more).toBe(widened ?? more)
  expect(more.replace(', at)', ')').replace(' tablespace t', '')).toBe(text)
  expect(cut.where === '' || cut.where.startsWith(' WHERE (y')).toBe(true)
})
