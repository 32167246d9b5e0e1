// Two runners started together, as two deploys do: every migration is applied once, nobody deadlocks, nobody fails.
// CREATE INDEX CONCURRENTLY is among them: a waiter inside pg_advisory_lock() would deadlock with it.

import { describe, expect, test } from 'vitest'
import { sql } from '../../src/sql/sql.ts'
import { testDatabase, versions } from '../support/postgres.ts'
import { createProject } from '../support/project.ts'

/** Each begins with two processes: a few of them meet in another order each time; more of them with PGSTRATA_SOAK=1. */
const rounds = process.env['PGSTRATA_SOAK'] === '1' ? 20 : 3

const files = {
  'migrations/0001_song.sql':
    'create table song (id int primary key, title text);\ninsert into song select g, g::text from generate_series(1, 500) as g;\n',
  'migrations/0002_index.sql': 'create index concurrently song_title_idx on song (title);\n',
  'migrations/0003_counter.sql': 'create table counter (n int);\ninsert into counter values (1);\n',
  'migrations/0004_index.sql':
    'create index concurrently song_title_id_idx on song (title, id);\ninsert into counter values (2);\n',
}

describe.each(versions)('two runners on PostgreSQL %d', (version) => {
  test(`started together ${rounds} times`, { timeout: 300_000 }, async () => {
    for (let round = 0; round < rounds; round++) {
      const database = await testDatabase(version)
      const project = await createProject(database.url, { files })
      const results = await Promise.all([
        project.cli(['migrate', 'up', '--json', '--no-lint']),
        project.cli(['migrate', 'up', '--json', '--no-lint']),
      ])
      for (const result of results) expect(result.code, result.stderr).toBe(0)
      const ran = results.map((result) =>
        (JSON.parse(result.stdout) as { ran: { name: string }[] }).ran.map((item) => item.name),
      )
      expect(ran.flat().toSorted()).toEqual(['0001_song', '0002_index', '0003_counter', '0004_index'])
      const { rows } = await database.db.query<{ n: number }>(sql`select n from counter order by n`)
      expect(rows.map((row) => row.n)).toEqual([1, 2])
      await project.close()
      await database.close()
    }
  })
})
