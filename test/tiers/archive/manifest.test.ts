// What a manifest says goes into SQL only as a name or a literal, whoever wrote it.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { onlyRow } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { loadManifest, saveManifest } from '../../../src/tiers/archive/manifest-file.ts'
import type { Manifest } from '../../../src/tiers/archive/manifest.ts'
import { isCollationName, isTypeName } from '../../../src/tiers/archive/type-names.ts'
import { readSourceColumns } from '../../../src/tiers/model/columns.ts'
import { describeOnEachVersion } from '../../support/postgres.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { typesOfOwn } from '../types-support.ts'

const content = { rows: '0', one: '0', two: '0' }

function manifestWith(column: Readonly<Record<string, unknown>>): Manifest {
  const plain = { name: 'a', attnum: 1, pgType: 'integer', base: 'int4', notNull: false }
  const kept = { field: 'a', exceptions: 'a__pg', parquet: 'INTEGER', canonical: 'int4' }
  return {
    format: 1,
    archive: '1',
    table: { schema: 'public', table: 'events' },
    tableOid: 1,
    axis: 'a',
    partition: 'events_p1',
    lower: '0',
    upper: '1',
    serverVersion: 180000,
    columns: [{ ...plain, ...kept, ...column }],
    definition: '',
    files: [],
    content,
    archivedAt: '2026-01-01T00:00:00Z',
  }
}

async function load(manifest: Manifest): Promise<Manifest> {
  const path = join(await temporaryFolder(), 'manifest.json')
  await saveManifest(path, manifest)
  return await loadManifest(path, 'key')
}

const injections = [
  'integer); drop table events; --',
  'integer; select 1',
  'integer default 1',
  'integer primary key',
  'integer, b integer',
  'integer /* */',
  'integer -- ',
  'integer\n; select 1',
  'int4(1);',
  'numeric((select 1))',
  'numeric(1) + 1',
  `"a"; select "b"`,
  `"a""`,
  `U&"a"`,
  `'a'`,
  'a.b.c',
  '$1',
  'integer collate "C"',
  'time with time zone)',
  '',
]

test('a plain one is read as it was written', async () => {
  const manifest = manifestWith({ pgType: '"odd ; Schema"."na""me"(1,Point)[]', collation: 'pg_catalog."C"' })
  expect(await load(manifest)).toEqual(manifest)
})

test.each(injections)('%j is no type and no collation', async (text) => {
  const refusal = { code: 'ARCHIVE_CORRUPT', details: { key: 'key' } }
  await expect(load(manifestWith({ pgType: text }))).rejects.toMatchObject(refusal)
  await expect(load(manifestWith({ collation: text }))).rejects.toMatchObject(refusal)
})

test('other JSON, and what is none, is refused', async () => {
  const path = join(await temporaryFolder(), 'manifest.json')
  await saveManifest(path, manifestWith({}))
  const text = await readFile(path, 'utf8')
  for (const other of ['{}', '[]', 'null', text.slice(0, -10), text.replace('"notNull": false', '"notNull": "x"')]) {
    await writeFile(path, other)
    await expect(loadManifest(path, 'key')).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' })
  }
})

const limited = [
  'numeric(20,8)',
  'numeric(4,-2)',
  'varchar(20)',
  'char(3)',
  'bit(4)',
  'bit varying(8)',
  'time(3)',
  'timetz(0)',
  'timestamp(6)',
  'timestamptz(3)',
  'interval(3)',
  'interval year to month',
  'interval hour',
  'interval day to second(2)',
  'interval second(1)',
  'timestamptz(3)[]',
  '"odd Schema"."Mood"[]',
  '"odd Schema".span',
]

describeOnEachVersion('names', (_version, database) => {
  test('of types and collations, as it writes them, are all known', async () => {
    await database().db.withSession(async (session) => {
      for (const statement of typesOfOwn) await session.query(sql.raw(statement))
      await session.query(sql`set search_path = pg_catalog`)
      const list = limited.map((type, index) => `c${index} ${type}`)
      await session.query(
        sql.raw(`create table public.limited (${list.join(', ')}, c text collate "odd Schema".backwards)`),
      )
      const oid = onlyRow(
        await session.query<{ oid: number }>(sql`select 'public.limited'::regclass::oid::int4 as oid`),
      )
      const columns = await readSourceColumns(session, oid.oid)
      expect(columns).toHaveLength(limited.length + 1)
      expect(columns.map(({ typmod }) => typmod).filter((name) => !isTypeName(name))).toEqual([])
      expect(columns.flatMap(({ collation }) => collation ?? []).map(isCollationName)).toEqual([true])
      const types = await session.query<{ name: string }>(sql`select format_type(oid, null) as name from pg_type`)
      expect(types.rows.length).toBeGreaterThan(500)
      expect(types.rows.map(({ name }) => name).filter((name) => !isTypeName(name))).toEqual([])
      const collations = await session.query<{ name: string }>(sql`
        select format('%I.%I', n.nspname, c.collname) as name
        from pg_collation c
        join pg_namespace n on n.oid = c.collnamespace`)
      expect(collations.rows.map(({ name }) => name).filter((name) => !isCollationName(name))).toEqual([])
    })
  })
})
