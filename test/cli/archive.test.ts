// `pgstrata archive` as a person meets it: what it prints, its exit codes, and that what it refuses is untouched.

import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../src/config/index.ts'
import { openStrata } from '../../src/strata.ts'
import { command, type Said } from '../support/command.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { createProject, type Project } from '../support/project.ts'
import { run } from '../tiers/exchange-support.ts'

const config = {
  tables: { plays: { time: 'at', partition: 'month', cold: { after: '100 years' } } },
  archive: { to: './archive' },
}

const months = ['01', '02', '03'] as const

async function createPlays({ db }: TestDatabase): Promise<void> {
  const bounds = months.map((month, index) => [month, `2020-0${index + 2}-01`] as const)
  await run(
    db,
    `create table plays (id bigint, at timestamptz not null, song text, amount numeric(10, 2)) partition by range (at)`,
    ...bounds.map(
      ([month, end]) =>
        `create table plays_2020_${month} partition of plays for values from ('2020-${month}-01Z') to ('${end}Z')`,
    ),
    `insert into plays select m * 1000 + g, make_timestamptz(2020, m, 1 + g % 28, 12, 0, 0, 'UTC'), 'say "' || g || '"', g * 0.5
    from unnest('{1, 2, 3}'::int[]) as m, generate_series(1, 50) as g`,
  )
}

describe.each(versions)('pgstrata archive on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let project: Project
  const here = (...args: string[]): Promise<Said> => command(project.dir, 'archive', ...args)
  const json = async (...args: string[]): Promise<unknown> => JSON.parse((await here(...args, '--json')).out)

  async function move(partition: string, ...moves: readonly ('archive' | 'drop')[]): Promise<void> {
    const { config: read } = await loadConfig({ cwd: project.dir, file: undefined })
    const strata = openStrata(read)
    try {
      for (const one of moves) await strata.tiers.move('plays', partition, one)
    } finally {
      await strata.close()
    }
  }

  beforeAll(async () => {
    database = await testDatabase(version)
    project = await createProject(database.url, { config })
    await createPlays(database)
    expect((await command(project.dir, 'apply')).code).toBe(0)
  })
  afterAll(async () => {
    await project.close()
    await database.close()
  })

  test('nothing is archived yet', async () => {
    expect(await here('list')).toMatchObject({
      code: 0,
      out: expect.stringContaining('Nothing is archived yet') as string,
    })
    expect(await json('verify')).toEqual({ archives: 0, files: 0, bytes: 0, faults: [] })
  })

  test('list, verify and query what is archived and dropped', async () => {
    await move('plays_2020_01', 'archive', 'drop')
    await move('plays_2020_02', 'archive')
    const { code, out } = await here('list', 'plays')
    expect(code).toBe(0)
    expect(out).toMatch(/public\.plays_2020_01 +50 rows .* only copy\n/)
    expect(out).toMatch(/public\.plays_2020_02 +50 rows .* verified\n/)
    expect(await json('list')).toMatchObject({
      archives: [
        { id: '1', state: 'only copy' },
        { id: '2', state: 'verified' },
      ],
    })
    expect(await here('verify')).toMatchObject({
      code: 0,
      out: expect.stringContaining('2 archives read back: 2 files') as string,
    })

    const statement = 'select count(*) as plays, sum(amount) as amount from plays'
    expect((await here('query', statement)).out).toBe('plays  amount\n150    1912.50\n(1 row)\n')
    expect(await json('query', statement, '--live', 'none')).toEqual({
      columns: ['plays', 'amount'],
      rows: [['100', '1275.00']],
    })
    const csv = await here(
      'query',
      'select id, song, null as n from plays order by id limit 2',
      '--format',
      'csv',
      '--to',
      '2020-02-01',
    )
    expect(csv).toMatchObject({ code: 0, out: 'id,song,n\n1001,"say ""1""",\n1002,"say ""2""",\n' })
    expect(await here('query', 'delete from plays')).toMatchObject({
      code: 3,
      err: expect.stringContaining('ARCHIVE_QUERY') as string,
    })
  })

  test('restore: into a table of its own, and back', async () => {
    const looked = await here('restore', 'plays', 'plays_2020_01', '--into', 'looked')
    expect(looked).toMatchObject({ code: 0, out: '50 rows are in public.looked.\n' })
    await run(database.db, 'alter table plays drop column song cascade')
    expect((await command(project.dir, 'apply')).code).toBe(0)
    const refused = await here('restore', 'plays', 'plays_2020_01')
    expect(refused).toMatchObject({
      code: 5,
      err: expect.stringContaining('song: the table has no such column') as string,
    })
    const restored = await here('restore', 'plays', 'plays_2020_01', '--without', 'song')
    expect(restored).toMatchObject({
      code: 0,
      out: expect.stringContaining('plays_2020_01 is in its table again') as string,
    })
    expect((await database.db.query({ text: 'select count(*)::int as n from plays', values: [] })).rows).toEqual([
      { n: 150 },
    ])
    expect(await here('restore', 'plays', 'nobody')).toMatchObject({ code: 5 })
    expect(await here('restore', 'plays', 'plays_2020_01', '--map', 'song')).toMatchObject({ code: 3 })
  })

  test('by its manifest alone, whatever the database knows', async () => {
    const other = await testDatabase(version)
    const bare = await createProject(other.url, { config: { archive: { to: join(project.dir, 'archive') } } })
    try {
      const listed = await command(bare.dir, 'archive', 'list', '--store', '--json')
      const { archives } = JSON.parse(listed.out) as { archives: readonly { key: string }[] }
      expect(archives).toHaveLength(2)
      const [{ key } = { key: '' }] = archives
      const args = ['archive', 'restore', '--manifest', key, '--into', 'brought']
      expect(await command(bare.dir, ...args)).toMatchObject({ code: 0, out: '50 rows are in public.brought.\n' })
      expect(await command(bare.dir, ...args.slice(0, 4))).toMatchObject({ code: 3 })
      const sums = await other.db.query({
        text: 'select sum(amount)::text as sum, min(song) as song from brought',
        values: [],
      })
      expect(sums.rows).toEqual([{ sum: '637.50', song: 'say "1"' }])
    } finally {
      await bare.close()
      await other.close()
    }
  })

  test('a damaged object is told, and the exit code says so', async () => {
    const folder = join(project.dir, 'archive', 'public.plays', 'year=2020', 'month=02')
    const file = (await readdir(folder)).find((name) => name.endsWith('.parquet')) ?? ''
    await writeFile(join(folder, file), 'nothing')
    const verified = await here('verify')
    expect(verified).toMatchObject({ code: 6, out: expect.stringContaining(`${file} in file://`) as string })
    expect(verified.out).toContain('got 7')
    expect((await here('list')).out).toMatch(/plays_2020_02 .* lost\n/)
  })

  test('forget removes files, and asks twice for what is nowhere else', async () => {
    await move('plays_2020_03', 'archive', 'drop')
    expect(await here('forget', '3', '--yes')).toMatchObject({
      code: 5,
      err: expect.stringContaining('only copy') as string,
    })
    expect(await here('forget', '3', '--yes', '--only-copy')).toMatchObject({ code: 0 })
    expect(await readdir(join(project.dir, 'archive', 'public.plays', 'year=2020', 'month=03'))).toEqual([])
    expect(await here('forget', '99', '--yes')).toMatchObject({ code: 5 })
    expect((await here('list')).out).not.toContain('plays_2020_03')
  })

  test('without a declared archive it says what to declare', async () => {
    const bare = await createProject(database.url)
    try {
      expect(await command(bare.dir, 'archive', 'list')).toMatchObject({
        code: 3,
        err: expect.stringContaining('archive: {') as string,
      })
    } finally {
      await bare.close()
    }
  })
})
