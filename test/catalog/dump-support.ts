// The fixture of the dump tests: a schema with one of everything.

import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { dumpSchema, readSchema, restoreSchema, type Restored, type ReadOptions } from '../../src/catalog/dump/index.ts'
import type { Db, Queryable } from '../../src/db/db.ts'
import { parseSql } from '../../src/sql/parse.ts'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, type TestDatabase, type TestedMajor } from '../support/postgres.ts'

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url))

/** The fixture as blocks of statements. Blocks must run in order; within one, any order will do. */
async function fixtureBlocks(version: TestedMajor): Promise<string[][]> {
  const names = version >= 18 ? ['rich.sql', 'rich-18.sql'] : ['rich.sql']
  const texts = await Promise.all(names.map((name) => readFile(fixture(name), 'utf8')))
  const blocks = texts.flatMap((text) => text.split(/^-- block .*$/m))
  const parsed = await Promise.all(blocks.map((block) => parseSql(block)))
  return parsed.map((statements) => statements.map((statement) => statement.text)).filter((block) => block.length > 0)
}

export async function createFixture(
  db: Db,
  version: TestedMajor,
  order: 'forwards' | 'backwards' = 'forwards',
): Promise<void> {
  const blocks = await fixtureBlocks(version)
  await db.withSession(async (session) => {
    await run(session, 'set check_function_bodies = off')
    for (const block of blocks) {
      for (const statement of order === 'forwards' ? block : block.toReversed()) await run(session, statement)
    }
    await run(session, 'reset check_function_bodies')
  })
}

export async function run(db: Queryable, statement: string): Promise<void> {
  try {
    await db.query(sql.raw(statement))
  } catch (error) {
    throw new Error(`${(error as Error).message} in: ${statement}`, { cause: error })
  }
}

/** The dump of `from`, restored into a database of its own. The caller closes it. */
export async function restoreCopy(
  from: TestDatabase,
  options: ReadOptions = {},
): Promise<{ copy: TestDatabase; restored: Restored }> {
  const objects = await readSchema(from.db, options)
  const copy = await testDatabase(from.version)
  const restored = await copy.db.withSession((session) => restoreSchema(session, objects))
  return { copy, restored }
}

export async function dump(database: TestDatabase): Promise<string> {
  return await dumpSchema(database.db)
}
