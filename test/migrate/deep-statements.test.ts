// Statements as deep as the parser lets through are linted, batched and run; deeper ones stop the run before it begins.

import { expect, test } from 'vitest'
import { onlyRow } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { openMigrations } from '../support/migrations.ts'
import { describeOnEachVersion } from '../support/postgres.ts'

const ones = (count: number): string => Array.from({ length: count }, () => '1').join(' + ')
const rows = (count: number): string => Array.from({ length: count }, (_, index) => `select ${index}`).join(' union ')

describeOnEachVersion('deep statements', (_version, database) => {
  test('just deep enough they run, one too deep is refused with its file and line', async () => {
    const { db } = database()
    await db.query(sql`create table old (n int)`)
    const folder = await openMigrations(
      db,
      {
        '0001_batched.sql': `create table song (n int);\ninsert into song ${rows(3_900)};`,
        '0002_batched.sql': `insert into song values (${ones(1_990)});`,
        '0003_alone.sql': `update old set n = ${ones(1_990)} where n = 1;\nalter table old add check (${'not '.repeat(3_001)} n = 1);`,
      },
      { lint: { gate: 'error', rules: {} } },
    )
    expect((await folder.migrate.up()).ran).toHaveLength(3)
    expect(onlyRow(await db.query(sql`select count(*)::int as count, max(n) as most from song`))).toEqual({
      count: 3_901,
      most: 3_899,
    })
    await folder.write('0004_too_deep.sql', `insert into old values (1);\ninsert into old values (${ones(20_000)});`)
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'SQL_SYNTAX',
      message: expect.stringContaining('0004_too_deep.sql:2:'),
    })
    expect((await db.query(sql`select from old`)).rows).toEqual([])
    await folder.close()
  })
})
