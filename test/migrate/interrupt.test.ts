// Ctrl-C in the middle of a statement: it is cancelled on the server, the exit code says so, nothing is half-done, and
// the next run goes on.

import { describe, expect, test } from 'vitest'
import { openDb } from '../../src/db/pg-db.ts'
import { sql } from '../../src/sql/sql.ts'
import { command } from '../support/command.ts'
import { testDatabase, versions } from '../support/postgres.ts'
import { createProject } from '../support/project.ts'
import { waitUntil } from '../support/wait.ts'

describe.each(versions)('Ctrl-C on PostgreSQL %d', (version) => {
  test.each([
    ['inside a transaction', 'create table half (id int);\nselect pg_sleep(3600);\n', 'PgSleep', []],
    [
      'outside a transaction',
      'insert into song values (2);\ncreate index concurrently song_idx on song (id);\n',
      'virtualxid',
      ['unfinished'],
    ],
  ])('%s', async (_name, text, waitsFor, left) => {
    const database = await testDatabase(version)
    const other = openDb({ url: database.url })
    await other.query(sql.raw('create table song (id int)'))
    const project = await createProject(database.url, { files: { 'migrations/0001_long.sql': text } })
    let release: () => void = () => undefined
    const released = new Promise<void>((resolve) => (release = resolve))
    // Holds the index build up; the other case sleeps by itself.
    let hold: () => void = () => undefined
    const held = new Promise<void>((resolve) => (hold = resolve))
    const holding = other.withSession(async (session) => {
      await session.query(sql`begin`)
      await session.query(sql`insert into song values (1)`)
      hold()
      await released
      await session.query(sql`commit`)
    })
    await held
    const result = await project.cli(['migrate', 'up', '--no-lint'], {
      onSpawn: (child) => {
        void waitUntil(
          async () =>
            (
              await database.db.query(
                // By what it waits for: its text stands in the note that goes before it as well.
                sql`select from pg_stat_activity where datname = current_database() and wait_event = ${waitsFor}`,
              )
            ).rows.length > 0,
          { what: 'the long statement' },
        ).then(() => child.kill('SIGINT'))
      },
    })
    expect([result.code, result.stderr]).toEqual([130, expect.stringContaining('Interrupted')])
    // An index that was being built stays behind INVALID, and is known to: dropping it now could take as long again.
    const { rows } = await database.db.query(sql`
      select from pg_class c left join pg_index i on i.indexrelid = c.oid
      where relname in ('half', 'song_idx') and indisvalid is not false`)
    expect(rows).toEqual([])
    release()
    await holding
    const status = await command(project.dir, 'migrate', 'status', '--json')
    expect(
      (JSON.parse(status.out) as { migrations: { state: string }[] }).migrations.map((item) => item.state),
    ).toEqual(left.length > 0 ? left : ['pending'])
    await project.write('migrations/0001_long.sql', text.replace('3600', '0'))
    const again = await command(project.dir, 'migrate', 'up', '--no-lint')
    expect(again.code, again.err).toBe(0)
    expect((await database.db.query(sql`select from pg_index where not indisvalid`)).rows).toEqual([])
    await other.close()
    await project.close()
    await database.close()
  })
})
