import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { onlyRow } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { openMigrations, type MigrationFolder } from '../support/migrations.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'

const song = `-- up\ncreate table song (id int primary key, title text);\n-- down\ndrop table song;\n`
const play = `-- up\ncreate table play (id int primary key, song_id int references song);\n-- down\ndrop table play;\n`

describe.each(versions)('migrate on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let folder: MigrationFolder
  const names = async (): Promise<string[]> =>
    (await folder.migrate.status()).map(({ name, state }) => `${name}: ${state}`)
  const exists = async (name: string): Promise<boolean> =>
    onlyRow(await database.db.query<{ there: boolean }>(sql`select to_regclass(${name}) is not null as there`)).there

  beforeEach(async () => {
    database = await testDatabase(version)
    folder = await openMigrations(database.db)
  })
  afterEach(async () => {
    await folder.close()
    await database.close()
  })

  test('up, down and to move through the files; twice does nothing', async () => {
    await folder.write('0001_song.sql', song)
    await folder.write('0002_play.sql', play)
    expect(await names()).toEqual(['0001_song: pending', '0002_play: pending'])
    expect((await folder.migrate.up()).ran.map((item) => item.name)).toEqual(['0001_song', '0002_play'])
    expect((await folder.migrate.up()).ran).toEqual([])
    expect((await folder.migrate.down()).ran).toEqual([{ name: '0002_play', direction: 'down' }])
    expect([await exists('song'), await exists('play')]).toEqual([true, false])
    await folder.migrate.to('2')
    expect(await exists('play')).toBe(true)
    await folder.migrate.to('0001_song')
    expect(await names()).toEqual(['0001_song: applied', '0002_play: pending'])
    await folder.migrate.to('0')
    expect(await names()).toEqual(['0001_song: pending', '0002_play: pending'])
    expect((await folder.migrate.up({ steps: 1 })).ran).toHaveLength(1)
  })

  test('an empty folder is no error, a missing one says what to do', async () => {
    expect((await folder.migrate.up()).ran).toEqual([])
    await folder.close()
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'MIGRATION_INVALID',
      advice: expect.stringContaining('migrate new'),
    })
  })

  test('a file edited after it was applied is refused with a readable difference, until the edit is accepted', async () => {
    await folder.write('0001_song.sql', song)
    await folder.migrate.up()
    await folder.write('0001_song.sql', song.replace('title text', 'title varchar'))
    expect(await names()).toEqual(['0001_song: edited'])
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'MIGRATION_EDITED',
      notes: expect.arrayContaining([
        '- create table song (id int primary key, title text);',
        '+ create table song (id int primary key, title varchar);',
      ]),
    })
    expect(await folder.migrate.accept('1')).toBe('0001_song')
    expect(await names()).toEqual(['0001_song: applied'])
    await expect(folder.migrate.accept('1')).rejects.toMatchObject({ code: 'MIGRATION_UNKNOWN' })
  })

  test('other line ends are no edit', async () => {
    await folder.write('0001_song.sql', song)
    await folder.migrate.up()
    await folder.write('0001_song.sql', song.replaceAll('\n', '\r\n'))
    expect(await names()).toEqual(['0001_song: applied'])
  })

  test('a removed file is refused, and its text is still to be had', async () => {
    await folder.write('0001_song.sql', song)
    await folder.migrate.up()
    await folder.remove('0001_song.sql')
    expect(await names()).toEqual(['0001_song: missing'])
    await expect(folder.migrate.up()).rejects.toMatchObject({ code: 'MIGRATION_MISSING' })
    expect(await folder.migrate.show('0001_song')).toBe(song)
  })

  test('a file that sorts before an applied one is a conflict, unless it is allowed', async () => {
    await folder.write('0003_song.sql', song)
    await folder.migrate.up()
    await folder.write('0002_other.sql', 'create table other (id int);')
    expect(await names()).toEqual(['0002_other: out of order', '0003_song: applied'])
    await expect(folder.migrate.up()).rejects.toMatchObject({ code: 'MIGRATION_ORDER' })
    expect((await folder.migrate.up({ allowOutOfOrder: true })).ran).toHaveLength(1)
  })

  test('two files of one version are named', async () => {
    await folder.write('0001_song.sql', song)
    await folder.write('01_play.sql', play)
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'MIGRATION_ORDER',
      details: { files: ['0001_song.sql', '01_play.sql'] },
    })
  })

  test('a syntax error in any pending file stops before anything runs, with line and column', async () => {
    await folder.write('0001_song.sql', 'create table song (id int);\n\n-- down\ndrop tabel song;\n')
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'SQL_SYNTAX',
      message: expect.stringContaining('0001_song.sql:4:6'),
    })
    expect(await exists('song')).toBe(false)
  })

  test('a failing statement leaves nothing of its transaction, and names its line', async () => {
    await folder.write('0001_song.sql', song)
    await folder.write('0002_bad.sql', 'create table a (id int);\n\ninsert into song\nvalues (1, nonsense);\n')
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringContaining('0002_bad.sql:4: column "nonsense" does not exist'),
    })
    expect(await exists('a')).toBe(false)
    expect(await names()).toEqual(['0001_song: applied', '0002_bad: pending'])
    await folder.write('0002_bad.sql', 'create table a (id int);\ninsert into song values (1, null);\n')
    expect((await folder.migrate.up()).ran).toHaveLength(1)
  })

  test('a file that stopped half-way goes on when mended, if what was done is unchanged', async () => {
    const start = 'create table a (id int, v int);\ninsert into a values (1, 1), (2, 1);\n'
    await folder.write('0001_half.sql', `${start}create unique index concurrently a_v_idx on a (v);\n`)
    await expect(folder.migrate.up()).rejects.toMatchObject({ code: 'MIGRATION_FAILED' })
    expect(await names()).toEqual(['0001_half: unfinished'])
    expect(await exists('a_v_idx')).toBe(false)
    await folder.write(
      '0001_half.sql',
      `${start.replace('(2, 1)', '(2, 2)')}create unique index concurrently a_v_idx on a (v);\n`,
    )
    await expect(folder.migrate.up()).rejects.toMatchObject({ code: 'MIGRATION_UNFINISHED' })
    await folder.write(
      '0001_half.sql',
      `${start}update a set v = id;\ncreate unique index concurrently a_v_idx on a (v);\n`,
    )
    await folder.migrate.up()
    expect(await names()).toEqual(['0001_half: applied'])
    expect(await database.db.query(sql`select id from a order by v`)).toMatchObject({ rows: [{ id: 1 }, { id: 2 }] })
  })

  test('what cannot run in a transaction runs outside, the rest inside, with no word about it in the file', async () => {
    await folder.write(
      '0001_mixed.sql',
      `create table a (id int primary key, k int) partition by range (id);
create table a1 partition of a for values from (0) to (100);
create table b (id int);
create procedure commits() language plpgsql as $$ begin insert into b values (1); commit; insert into b values (2); commit; end $$;
create index a_k_idx on a (k);
reindex table a;
call commits();
do $$ begin insert into b values (3); commit; end $$;
vacuum b;
create type mood as enum ('low');
alter type mood add value 'high';
create table c (m mood default 'high');
insert into c default values;
begin;
insert into b values (4);
insert into b values (5);
commit;
alter table a detach partition a1 concurrently;
drop index a_k_idx;
`,
    )
    await folder.migrate.up()
    const { rows } = await database.db.query<{ id: number }>(sql`select id from b order by id`)
    expect(rows.map((row) => row.id)).toEqual([1, 2, 3, 4, 5])
    expect(await database.db.query(sql`select from pg_inherits where inhparent = 'a'::regclass`)).toMatchObject({
      rowCount: 0,
    })
  })

  test.each([
    ['discard all;', 'DISCARD ALL'],
    ['begin; select 1;', 'BEGIN without COMMIT'],
    ['commit;', 'COMMIT without BEGIN'],
    ['rollback;', 'undo'],
    ['begin; create index concurrently i on t (a); commit;', 'cannot run between BEGIN and COMMIT'],
    ['create index concurrently on t (a);', 'needs a name'],
    ['copy t from stdin;', 'COPY'],
    ['-- down\n-- up\n', 'marked wrongly'],
  ])('%j is refused before it runs', async (text, reason) => {
    await folder.write('0001_bad.sql', text)
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'MIGRATION_INVALID',
      message: expect.stringContaining(reason),
    })
  })

  test('a comment at the end of a statement swallows nothing', async () => {
    await folder.write(
      '0001_a.sql',
      'create table a (n int) -- the table\n;\ninsert into a values (1) -- a row\n;\ninsert into a values (2) -- the last',
    )
    await folder.migrate.up()
    expect((await database.db.query(sql`select n from a order by n`)).rows).toEqual([{ n: 1 }, { n: 2 }])
  })

  test('settings of one migration do not reach the next, and a role it takes does not write our record', async () => {
    const role = `r_${database.name}`
    await database.db.query(sql`create role ${sql.ident(role)}`)
    await database.db.query(sql`grant create on schema public to ${sql.ident(role)}`)
    try {
      await folder.write(
        '0001_role.sql',
        `set role "${role}";\ncreate table owned (id int);\ncreate index concurrently owned_idx on owned (id);\nset search_path = pg_catalog;\n`,
      )
      await folder.write(
        '0002_after.sql',
        'create table after (who text default current_user);\ninsert into after default values;\n',
      )
      await folder.migrate.up()
      const { rows } = await database.db.query<{ owner: string; who: string }>(
        sql`select (select tableowner from pg_tables where tablename = 'owned') as owner, who from after`,
      )
      expect(rows).toEqual([{ owner: role, who: 'postgres' }])
    } finally {
      await database.db.query(sql`drop owned by ${sql.ident(role)}`)
      await database.db.query(sql`drop role ${sql.ident(role)}`)
    }
  })

  test('code runs in one transaction with its record, and what it throws is told', async () => {
    await folder.write(
      '0001_code.mjs',
      `export async function up({ query, sql }) { await query(sql\`create table a (id int)\`); await query(sql\`insert into a values (\${7})\`) }`,
    )
    await folder.write(
      '0002_code.mjs',
      `export async function up({ query, sql }) { await query(sql\`create table b (id int)\`); throw new Error('no good') }`,
    )
    await expect(folder.migrate.up()).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: '0002_code.mjs: up() failed: no good',
    })
    expect([await exists('a'), await exists('b')]).toEqual([true, false])
    await folder.write('0002_code.mjs', 'export const up = 1')
    await expect(folder.migrate.up()).rejects.toMatchObject({ code: 'MIGRATION_INVALID' })
    await folder.remove('0002_code.mjs')
    await expect(folder.migrate.down()).rejects.toMatchObject({ code: 'MIGRATION_IRREVERSIBLE' })
  })

  test('a parameter value never reaches a message', async () => {
    await folder.write(
      '0001_secret.mjs',
      `export async function up({ query, sql }) { await query(sql\`select \${'hunter2'}::int\`) }`,
    )
    const error: unknown = await folder.migrate.up().catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'MIGRATION_FAILED' })
    expect(JSON.stringify(error)).not.toContain('hunter2')
  })

  test('new files sort after all that are there', async () => {
    await folder.write('99999999999999_far_future.sql', 'select 1;')
    const path = await folder.migrate.create('Add plays!')
    expect(path).toMatch(/100000000000000_add_plays\.sql$/)
    await expect(folder.migrate.create('???')).rejects.toMatchObject({ code: 'USAGE' })
  })
})
