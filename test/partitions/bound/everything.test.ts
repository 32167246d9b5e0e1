// One table with everything that can be carried over, converted in each way: afterwards the catalog says of it, and of
// all that hangs on it, what it said before.

import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { leafSettings } from '../../../src/partitions/convert/bound/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import { describeOnEachVersion, testDatabase, type TestedMajor } from '../../support/postgres.ts'
import { convert, methods, nameOf, ofKind, readWhole, run, subjectOf } from './support.ts'

const schema = 'My Sch'
const table = 'Plays'

async function fixture(version: TestedMajor): Promise<string> {
  const names = version >= 18 ? ['everything.sql', 'everything-18.sql'] : ['everything.sql']
  const texts = await Promise.all(names.map((name) => readFile(new URL(name, import.meta.url), 'utf8')))
  return texts.join('\n')
}

const roles = ['pgstrata_bound_reader', 'pgstrata_bound_owner']
  .map(
    (role) =>
      `do $$ begin create role ${role} nologin; exception when duplicate_object or unique_violation then null; end $$`,
  )
  .join(';\n')

const rows = `insert into "My Sch".songs values (1, 'one');
insert into "My Sch"."Plays" (at, song_id, slug, amount, extra) values ('2024-02-03', 1, 'a', 5, '{}'), ('2024-05-06', 1, 'b', 7, '{}');
insert into "My Sch".refs select id, at from "My Sch"."Plays";
insert into "My Sch"."Plays" (at, song_id, slug, parent_id, parent_at, extra) select '2024-07-08', 1, 'c', id, at, '{}' from "My Sch"."Plays" where slug = 'a'`

/** What consent was given for: wider keys, unique indexes and a foreign key that are gone, and root publishing. */
const expectedChanges: Readonly<Record<string, (before: string) => string | undefined>> = {
  'constraint "Plays_pkey" on "My Sch"."Plays"': (before) => before.replace('(id)', '(id, at)'),
  'constraint slugs on "My Sch"."Plays"': (before) => before.replace('(slug)', '(slug, at)'),
  'index "My Sch".included': (before) => before.replace('"Listener")', '"Listener", at)').replace('(n, at)', '(n)'),
  'index "My Sch"."lower slug"': () => undefined,
  'index "My Sch"."only rare"': () => undefined,
  'foreign-key to_id on "My Sch".narrow': () => undefined,
  'publication listed': (before) =>
    before
      .replace("')", "', publish_via_partition_root = true)")
      .replace(/(publish = '[^']*'), publish_via_partition_root = true\)/, '$1, publish_via_partition_root = true)'),
}

function expected(before: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(before).flatMap(([identity, text]) => {
      const change = expectedChanges[identity]
      const after = change === undefined ? text : change(text)
      return after === undefined ? [] : [[identity, after]]
    }),
  )
}

describeOnEachVersion('a table with everything', (version) => {
  it.each(methods)('keeps everything (%s)', async (method) => {
    const database = await testDatabase(version)
    try {
      const { db } = database
      const subject = subjectOf({ schema, table, method })
      await run(db, roles, await fixture(version))
      if (method !== 'empty') await run(db, rows)
      const before = await readWhole(db, subject)
      const items = await convert(db, subject)
      expect(await readWhole(db, subject)).toEqual(expected(before))
      expect(ofKind(items, 'table').map(({ verdict }) => verdict)).toEqual(['carried'])
      expect(leafSettings(items)).toMatchObject({ owner: 'pgstrata_bound_owner' })
      const name = nameOf(subject, 'table')
      const invalid = await db.query(sql`
        select conname
        from pg_constraint
        where conrelid = ${name}::regclass
          and contype in ('f', 'p', 'u')
          and conname <> 'later'
          and not convalidated`)
      expect(invalid.rows).toEqual([])
    } finally {
      await database.close()
    }
  })
})
