// pgstrata deploy as a person and a pipeline run it: on a fresh database, again, with a large table to fill, refused before
// anything is changed, and killed on the way.

import type { ChildProcess } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sql } from '../../src/sql/sql.ts'
import { command, type Said } from '../support/command.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { createProject, type Project } from '../support/project.ts'
import { waitUntil } from '../support/wait.ts'

const plays = `create table plays (
  song int not null,
  at timestamptz not null,
  note text default repeat('x', 400)
);`
const files = {
  'migrations/0001_plays.sql': plays,
  'migrations/0002_songs.sql': 'create table songs (id int primary key);',
}

const rollups = {
  song_plays: { from: 'plays', time: 'at', bucket: '1 hour', by: ['song'], measures: { plays: { kind: 'count' } } },
}
const views = {
  by_song: { sql: 'select song, sum(plays)::int as plays from song_plays group by song', materialized: false },
  kept: { sql: 'select count(*) as songs from songs' },
}

/** Above what is filled at once. */
const many = `insert into plays (song, at) select n % 3, '2026-01-01Z'::timestamptz + n * interval '1 second' from generate_series(1, 30000) n`

interface Document {
  readonly isNothing: boolean
  readonly isWork: boolean
  readonly before: { readonly pending: readonly { readonly name: string }[]; readonly unfilled: readonly string[] }
  readonly done: {
    readonly migrations: readonly string[]
    readonly steps: readonly string[]
    readonly filled: readonly { readonly name: string }[]
  }
  readonly after: {
    readonly rollups: readonly { readonly name: string; readonly state: string }[]
    readonly views: readonly { readonly name: string; readonly kind: string; readonly state: string }[]
    readonly held: readonly { readonly what: string }[]
  }
}

describe.each(versions)('pgstrata deploy on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let project: Project
  const config = (declared: object): Promise<void> =>
    project.write('pgstrata.config.json', JSON.stringify({ database: { primary: database.url }, ...declared }))
  const deploy = (...args: readonly string[]): Promise<Said> => command(project.dir, 'deploy', ...args)
  const document = ({ out }: Said): Document => JSON.parse(out) as Document
  const isThere = async (relation: string): Promise<boolean> =>
    (await database.db.query(sql`select where to_regclass(${relation}) is not null`)).rows.length === 1

  beforeEach(async () => {
    database = await testDatabase(version)
    project = await createProject(database.url, { files })
  })
  afterEach(async () => {
    await project.close()
    await database.close()
  })

  test('brings a fresh database to what is declared, and has nothing to do the second time', async () => {
    await config({ rollups, views })
    const dry = await deploy('--dry-run')
    expect([dry.code, dry.err]).toEqual([2, ''])
    expect(dry.out).toContain('2 pending: 0001_plays, 0002_songs')
    expect(dry.out).toContain('Nothing was changed.')
    expect(await isThere('plays')).toBe(false)
    expect(await isThere('pgstrata.migration')).toBe(false)
    const first = await deploy()
    expect(first.code, first.err).toBe(0)
    expect(first.out).toMatch(/\nDone\n {2}migrations +2 applied .*\n {2}plan +\d+ steps applied/)
    expect(first.out).toMatch(
      /\nAfter\n {2}rollup +song_plays +live +of public\.plays\n {2}view +by_song +live +plain\n/,
    )
    expect(first.out).toMatch(/\nDeployed\. .*, of which the check took .*\n$/)
    expect(await isThere('by_song')).toBe(true)
    const second = await deploy()
    expect([second.code, second.err]).toEqual([0, ''])
    expect(second.out).toMatch(/ {2}migrations +none pending\n {2}plan +0 steps\n/)
    expect(second.out).toMatch(/\nNothing to do\. /)
    expect(document(await deploy('--json'))).toMatchObject({
      isNothing: true,
      done: { migrations: [], steps: [], filled: [] },
    })
    expect((await deploy('--dry-run')).code).toBe(0)
  })

  test('fills what is large, and makes what waited for it; --no-fill leaves that to serve', async () => {
    expect((await deploy()).code).toBe(0)
    await database.db.query(sql.raw(many))
    await config({ rollups, views })
    await project.write('migrations/0003_more.sql', 'alter table songs add column title text;')
    const without = await deploy('--no-fill', '--json')
    expect(without.code, without.err).toBe(0)
    expect(document(without)).toMatchObject({
      isNothing: false,
      before: { pending: [{ name: '0003_more' }], unfilled: [] },
      done: { migrations: ['0003_more'], filled: [] },
      after: {
        rollups: [{ name: 'song_plays', state: 'filling' }],
        views: [
          { name: 'by_song', kind: 'plain', state: 'not applied' },
          { name: 'kept', kind: 'materialized', state: 'live' },
        ],
        held: [{ what: 'view by_song' }],
      },
    })
    const dry = await deploy('--dry-run', '--json')
    expect([dry.code, document(dry).isWork, document(dry).before.unfilled]).toEqual([2, true, ['song_plays']])
    const filled = await deploy('--json')
    expect(filled.code, filled.err).toBe(0)
    expect(filled.err).toContain('song_plays: 100 % 100%')
    expect(document(filled)).toMatchObject({
      done: { migrations: [], steps: ['Make view public.by_song'], filled: [{ name: 'song_plays' }] },
      after: { rollups: [{ name: 'song_plays', state: 'live' }], held: [] },
    })
    expect((await database.db.query(sql`select from by_song where plays = 10000`)).rowCount).toBe(3)
    // One that is declared otherwise is built beside, filled, and put into its place, all in one go.
    await config({ rollups: { song_plays: { ...rollups.song_plays, bucket: '1 day' } }, views })
    const changed = await deploy('--json')
    expect(changed.code, changed.err).toBe(0)
    expect(document(changed).done.filled).toMatchObject([{ name: 'song_plays_next' }])
    expect((await database.db.query(sql`select distinct bucket from song_plays`)).rowCount).toBe(1)
    expect(document(await deploy('--json')).isNothing).toBe(true)
  })

  test('refuses before anything is changed, and says all that is in the way at once', async () => {
    await config({ views, migrations: { lint: { gate: 'warning' } } })
    expect((await deploy()).code).toBe(2)
    await project.write('migrations/0002_songs.sql', 'create table songs (id int primary key, title text);')
    await database.db.query(sql`alter table pgstrata.lease add column by_hand int`)
    const edited = await deploy('--accept', 'table pgstrata.nothing', '--json')
    expect(edited.code).toBe(5)
    expect(JSON.parse(edited.out)).toMatchObject({
      error: {
        code: 'DEPLOY_REFUSED',
        details: {
          obstacles: [
            { what: 'migrations', why: expect.stringContaining('0002_songs.sql was edited') },
            { what: 'table pgstrata.nothing', why: 'it has not drifted' },
          ],
        },
      },
    })
    await project.write('migrations/0002_songs.sql', files['migrations/0002_songs.sql'])
    await project.write('migrations/0003_later.sql', 'create table later (id int primary key);')
    await project.write('migrations/0004_drop.sql', 'drop table plays;')
    await database.db.query(sql`insert into plays values (1, now())`)
    const linted = await deploy()
    expect(linted.code).toBe(5)
    expect(linted.err).toMatch(/error DEPLOY_REFUSED In the way: migration 0004_drop.sql/)
    expect(await isThere('later')).toBe(false)
    // Excused, it is carried out; what is left to a person is told by the exit code.
    const skipped = await deploy('--no-lint')
    expect(skipped.code).toBe(2)
    expect(await isThere('plays')).toBe(false)
    expect(skipped.out).toMatch(/Still to do\n.*! view by_song: relation "song_plays" does not exist\n/)
    expect(skipped.out).toContain('! table pgstrata.lease: it was changed by hand')
  })

  test('a server that is not there, or takes no writes, is refused with its own error', async () => {
    await database.db.query(sql`alter database ${sql.ident(database.name)} set default_transaction_read_only = on`)
    const refused = await deploy('--json')
    expect([refused.code, JSON.parse(refused.out)]).toMatchObject([4, { error: { code: 'DATABASE_READ_ONLY' } }])
  })
})

test('killed on the way, the next one goes on', async () => {
  const database = await testDatabase(versions.at(-1) ?? 18)
  const project = await createProject(database.url, { files, config: { rollups, views } })
  try {
    await command(project.dir, 'migrate', 'up')
    await database.db.query(sql.raw(many))
    let killed: ChildProcess | undefined
    const running = project.cli(['deploy'], { onSpawn: (child) => void (killed = child) })
    await waitUntil(
      async () => {
        const { rows } = await database.db.query(sql`select where to_regclass('pgstrata.rollup') is not null`)
        return rows.length === 1 && (await database.db.query(sql`select from pgstrata.rollup`)).rows.length === 1
      },
      { what: 'a rollup that is to be filled', timeoutMs: 60_000 },
    )
    killed?.kill('SIGKILL')
    expect((await running).signal).toBe('SIGKILL')
    const next = await command(project.dir, 'deploy', '--json')
    expect(next.code, next.err).toBe(0)
    expect((await database.db.query(sql`select from by_song where plays = 10000`)).rowCount).toBe(3)
    expect(document(await command(project.dir, 'deploy', '--json')).isNothing).toBe(true)
  } finally {
    await project.close()
    await database.close()
  }
})

function document({ out }: Said): Document {
  return JSON.parse(out) as Document
}
