// The command as a user meets it: exit codes, JSON on standard output, words on standard error. As another process once for each
// way to end, on the newest version; a start takes a second, and what comes after it is the same in this process.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { schemaVersions } from '../../src/catalog/versions.ts'
import { sql } from '../../src/sql/sql.ts'
import { runCli, type CliResult } from '../support/cli.ts'
import { command } from '../support/command.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { createProject, type Project } from '../support/project.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const song = '-- up\ncreate table song (id bigint primary key);\n-- down\ndrop table song;\n'

type Ended = Omit<CliResult, 'signal'>

async function inThisProcess(cwd: string, args: readonly string[]): Promise<Ended> {
  const { code, out, err } = await command(cwd, ...args)
  return { code, stdout: out, stderr: err }
}

describe.each(versions)('pgstrata on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let project: Project
  const here = (...args: string[]): Promise<Ended> => inThisProcess(project.dir, args)
  /** As another process on the newest version. */
  const elsewhere = async (...args: string[]): Promise<Ended> => {
    if (version !== versions[0]) return await here(...args)
    const result = await project.cli(args)
    // Nothing is coloured where nobody looks.
    expect(result.stdout + result.stderr).not.toContain('\u001B[')
    return result
  }
  const json = <T>({ code, stdout }: Ended): { code: number | null; value: T } => ({
    code,
    value: JSON.parse(stdout) as T,
  })

  beforeEach(async () => {
    database = await testDatabase(version)
    project = await createProject(database.url, { files: { 'migrations/0001_song.sql': song } })
  })
  afterEach(async () => {
    await project.close()
    await database.close()
  })

  test('plan says 2 while there is something to do, apply and migrate do it, then all say 0', async () => {
    const before = json<{ steps: { feature: string }[]; pendingMigrations: string[] }>(
      await elsewhere('plan', '--json'),
    )
    expect(before).toMatchObject({
      code: 2,
      value: { steps: schemaVersions.map(() => ({ feature: 'catalog' })), pendingMigrations: ['0001_song'] },
    })
    expect((await here('migrate', 'status')).code).toBe(2)
    expect(json(await here('apply', '--json'))).toMatchObject({
      code: 0,
      value: { applied: schemaVersions.map((one) => ({ id: `catalog:v${one.version}` })) },
    })
    expect((await here('plan')).code).toBe(2)
    expect(json(await elsewhere('migrate', 'up', '--json'))).toMatchObject({
      code: 0,
      value: { ran: [{ name: '0001_song', direction: 'up' }] },
    })
    for (const args of [['plan'], ['migrate', 'status'], ['migrate', 'up'], ['apply']]) {
      const result = await here(...args)
      expect(result.code, `${args.join(' ')}: ${result.stderr}`).toBe(0)
    }
    expect(json(await here('status', '--json'))).toMatchObject({
      value: { migrations: { applied: 1, pending: 0, last: '0001_song' }, plan: { steps: 0, drift: [] } },
    })
  })

  test('doctor says ok, warn or fail with the fix', async () => {
    const healthy = json<{ ok: boolean; checks: { name: string; verdict: string; fix?: string }[] }>(
      await here('doctor', '--json'),
    )
    expect(healthy).toMatchObject({ code: 0, value: { ok: true } })
    expect(healthy.value.checks.find((check) => check.name === 'migrations')).toMatchObject({
      verdict: 'warn',
      fix: 'pgstrata migrate up',
    })
    await project.write(
      'pgstrata.config.json',
      JSON.stringify({ database: { primary: 'postgres://nobody@127.0.0.1:1/x' } }),
    )
    const sick = await elsewhere('doctor')
    expect(sick.code).toBe(4)
    expect(sick.stdout).toMatch(/^fail {2}primary: connection: .*ECONNREFUSED/m)
    expect(sick.stdout).toContain('→')
  })

  test('lint stops what would harm, says what to do instead, and lets what is excused pass', async () => {
    await here('migrate', 'up')
    await database.db.query(sql`insert into song select generate_series(1, 200)`)
    await project.write('migrations/0002_drop.sql', 'alter table song rename column id to song_id;\n')
    const linted = await here('migrate', 'lint')
    expect(linted.stdout).toContain('0002_drop.sql:1: ')
    expect(linted.stdout).toContain('instead: ')
    await project.write(
      'pgstrata.config.json',
      JSON.stringify({
        database: { primary: database.url },
        migrations: { lint: { rules: { 'rename-column': 'error' } } },
      }),
    )
    const stopped = await elsewhere('migrate', 'up')
    expect([stopped.code, stopped.stderr]).toEqual([5, expect.stringContaining('MIGRATION_LINT')])
    await project.write(
      'migrations/0002_drop.sql',
      '-- lint: allow rename-column because nobody reads it yet\nalter table song rename column id to song_id;\n',
    )
    expect((await here('migrate', 'up')).code).toBe(0)
  })

  test('errors are told in words and, with --json, as JSON; with the exit code of the table', async () => {
    await project.write('migrations/0002_bad.sql', 'selct 1;\n')
    const bad = await elsewhere('migrate', 'up', '--json')
    expect(bad.code).toBe(3)
    expect(JSON.parse(bad.stdout)).toMatchObject({ error: { code: 'SQL_SYNTAX', details: { line: 1, column: 1 } } })
    expect(bad.stderr).toContain('0002_bad.sql:1:1')
  })
})

test('init writes a configuration and a first migration, and lives beside other tools', async () => {
  const dir = await temporaryFolder()
  const result = await runCli({ args: ['init', '--yes'], cwd: dir })
  expect(result.code, result.stderr).toBe(0)
  expect(await readFile(join(dir, 'pgstrata.config.ts'), 'utf8')).toContain('process.env.DATABASE_URL')
  expect(await readFile(join(dir, 'migrations/0001_first.sql'), 'utf8')).toContain('-- down')
  const again = await inThisProcess(dir, ['init', '--yes'])
  expect([again.code, again.stderr]).toEqual([5, expect.stringContaining('already here')])
})

test.each([
  ['Prisma', { devDependencies: { prisma: '7' } }, '0001_first.sql'],
  ['Drizzle', { devDependencies: { 'drizzle-kit': '1' } }, '0001_first.sql'],
  ['node-pg-migrate', { dependencies: { 'node-pg-migrate': '9' } }, 'pgstrata/migrations'],
])('init says how to live beside %s', async (tool, manifest, said) => {
  const project = await createProject('postgres://unused/x', { files: { 'package.json': JSON.stringify(manifest) } })
  await project.remove('pgstrata.config.json')
  const result = await inThisProcess(project.dir, ['init', '--yes', '--json'])
  expect(result.code, result.stderr).toBe(0)
  expect(JSON.parse(result.stdout)).toMatchObject({ neighbours: [{ tool }] })
  expect(result.stdout + (await readFile(join(project.dir, 'pgstrata.config.ts'), 'utf8'))).toMatch(
    tool === 'node-pg-migrate' ? said : /baseline/,
  )
  await project.close()
})

test.each([
  [['--version'], 0, /^\d+\.\d+\.\d+/],
  [['no-such-command'], 3, /unknown command/],
  [['migrate', 'up', '--steps', 'two'], 3, /whole number/],
  [['plan'], 3, /CONFIG_NOT_FOUND/],
])('as a process, pgstrata %j exits with %d', async (args, code, words) => {
  const result = await runCli({ args, cwd: await temporaryFolder() })
  expect([result.code, result.stdout + result.stderr]).toEqual([code, expect.stringMatching(words)])
})

test.each([
  [[], 3, /Usage: pgstrata/],
  [['--help'], 0, /Usage: pgstrata/],
  [['migrate', 'up', '--help'], 0, /--dry-run/],
  [['plan', '--no-such-option'], 3, /unknown option/],
])('pgstrata %j gives back %d', async (args, code, words) => {
  const result = await inThisProcess(await temporaryFolder(), args)
  expect([result.code, result.stdout + result.stderr]).toEqual([code, expect.stringMatching(words)])
})

test('help is there for every command', async () => {
  const cwd = await temporaryFolder()
  const { stdout } = await inThisProcess(cwd, ['--help'])
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) /gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help')
  expect(commands.length).toBeGreaterThan(15)
  for (const name of commands) {
    const result = await inThisProcess(cwd, [name, '--help'])
    expect([result.code, result.stdout], name).toEqual([0, expect.stringContaining(`Usage: pgstrata ${name}`)])
  }
})
