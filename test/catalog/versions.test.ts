// Schema "pgstrata" from version to version.

import { expect, test } from 'vitest'
import { contributeCatalog } from '../../src/catalog/desired.ts'
import { readObject } from '../../src/catalog/dump/index.ts'
import { ensureInstalled, newestVersion, readInstalledVersion } from '../../src/catalog/install.ts'
import { schemaVersions } from '../../src/catalog/versions.ts'
import { sql } from '../../src/sql/sql.ts'
import { describeOnEachVersion } from '../support/postgres.ts'

describeOnEachVersion('schema "pgstrata"', (_version, database) => {
  test('each older version is brought to the newest, with what it holds', async () => {
    const { db } = database()
    for (const oldest of schemaVersions.slice(0, -1)) {
      await db.query(sql`drop schema if exists pgstrata cascade`)
      for (const entry of schemaVersions.filter(({ version }) => version <= oldest.version)) {
        for (const statement of entry.statements) await db.query(sql.raw(statement))
        await db.query(sql`insert into pgstrata.installation (version) values (${entry.version})`)
      }
      await db.query(
        sql`insert into pgstrata.migration (name, checksum, content, state) values ('kept', 'c', 'text', 'done')`,
      )
      const added = await db.withSession(ensureInstalled)
      expect(added.map(({ version }) => version)).toEqual(
        schemaVersions.map(({ version }) => version).filter((version) => version > oldest.version),
      )
      expect(await readInstalledVersion(db)).toBe(newestVersion)
      expect((await db.query(sql`select from pgstrata.migration where name = 'kept'`)).rowCount).toBe(1)
      expect(await db.withSession(ensureInstalled)).toEqual([])
    }
  })

  test('every table that a version names is made by it, has a comment, and is kept', async () => {
    const { db } = database()
    await db.withSession(ensureInstalled)
    const kept = new Set(contributeCatalog(newestVersion).manages.map(({ identity }) => identity))
    for (const name of schemaVersions.flatMap(({ tables }) => tables)) {
      const found = await readObject(db, { kind: 'table', schema: 'pgstrata', name })
      expect(found?.sql).toContain(`comment on table pgstrata.${name}`)
      expect(kept).toContain(`table pgstrata.${name}`)
    }
    const { rows } = await db.query<{ name: string }>(
      sql`select relname::text as name from pg_class where relnamespace = 'pgstrata'::regnamespace and relkind in ('r', 'p')`,
    )
    expect(new Set(rows.map(({ name }) => name))).toEqual(new Set(schemaVersions.flatMap(({ tables }) => tables)))
  })

  test('what a version adds can be taken back', async () => {
    const { db } = database()
    await db.withSession(ensureInstalled)
    for (const step of contributeCatalog(0).steps.toReversed())
      for (const statement of step.undo) await db.query(sql.raw(statement))
    expect(await readInstalledVersion(db)).toBe(0)
  })
})
