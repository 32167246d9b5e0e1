// `pgstrata serve` and `pgstrata jobs` as a person uses them: exit codes, lines and JSON; and as a process that is told to end.

import { spawn } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { sql } from '../../src/sql/sql.ts'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { cliPath } from '../support/cli.ts'
import { call } from '../support/command.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { createProject, type Project } from '../support/project.ts'
import { waitUntil } from '../support/wait.ts'

const config = {
  jobs: {
    lease: '2s',
    builtIn: { partitions: false, retention: false, drain: false },
    own: {
      ping: { every: '1s', sql: 'insert into ping values (now())' },
      hang: { cron: '0 0 1 1 *', sql: 'select pg_sleep(600)' },
      fail: { cron: '0 0 1 1 *', sql: 'select 1 / 0' },
    },
  },
}

interface Serving {
  readonly out: () => string
  readonly err: () => string
  end(signal: NodeJS.Signals): Promise<number | null>
}

function startProcess(project: Project): Serving {
  const child = spawn(process.execPath, [cliPath, 'serve'], {
    cwd: project.dir,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  onTestFinished(() => void child.kill('SIGKILL'))
  return {
    out: () => stdout,
    err: () => stderr,
    end: (signal) => {
      child.kill(signal)
      return ended
    },
  }
}

// What the server has to do with it is tested on each version in test/maintain.
describe.each(versions.slice(0, 1))('pgstrata serve and jobs on PostgreSQL %d', (version) => {
  let database: TestDatabase
  let project: Project
  const json = async <T>(...args: string[]): Promise<{ code: number | null; value: T }> => {
    const called = call(project, [...args, '--json'])
    const code = await called.code
    return { code, value: JSON.parse(called.out()) as T }
  }
  const cli = async (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> => {
    const called = call(project, args)
    return { code: await called.code, stdout: called.out(), stderr: called.err() }
  }

  beforeEach(async () => {
    database = await testDatabase(version)
    project = await createProject(database.url, { config })
    await database.db.query(sql`create table ping (at timestamptz)`)
    await database.db.withSession(async (session) => void (await ensureInstalled(session)))
  })
  afterEach(async () => {
    await project.close()
    await database.close()
  })

  test('refuse where the schema is not installed, and say what to do', async () => {
    await database.db.query(sql`drop schema pgstrata cascade`)
    for (const args of [['serve'], ['jobs', 'run', 'ping']]) {
      const result = await cli(...args)
      expect([result.code, result.stderr]).toEqual([5, expect.stringContaining('pgstrata apply')])
    }
  })

  test('run what comes due, tell it, and end in order', async () => {
    const serving = call(project, ['serve'])
    await waitUntil(() => /ping: 1 statement, 1 row \(/.test(serving.out()), { what: 'a run', timeoutMs: 30_000 })
    expect(serving.out()).toMatch(/^Running 12 jobs:\n {2}analyze +every 5 minutes +analyses/)
    expect(await json('jobs')).toMatchObject({
      code: 0,
      value: { jobs: expect.arrayContaining([expect.objectContaining({ name: 'ping', schedule: 'every 1 second' })]) },
    })
    const inTheOther = call(project, ['serve', '--json'])
    await waitUntil(() => inTheOther.out().includes('"event":"run"'), { what: 'a run of the other', timeoutMs: 30_000 })
    for (const line of inTheOther.out().trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('event')
    expect(await inTheOther.end()).toBe(0)
    expect(await serving.end()).toBe(0)
    expect(serving.err()).toMatch(/Stopping …\nStopped\.\n$/)
    const { rows } = await database.db.query(sql`
      select from pgstrata.lease where name like 'job:%' and expires_at > clock_timestamp()`)
    expect(rows).toEqual([])
  })

  test('a run under way is ended within its bound, and its lease given back', async () => {
    await json('jobs', 'pause', 'ping')
    await database.db.query(sql`
      insert into pgstrata.job (name, schedule, counted_until)
      values ('hang', '0 0 1 1 * (UTC)', now() - interval '2 years')`)
    const serving = startProcess(project)
    const hanging = sql`select from pg_stat_activity where application_name like 'pgstrata job hang%' and state = 'active'
      and datname = current_database()`
    await waitUntil(async () => (await database.db.query(hanging)).rows.length > 0, {
      what: 'the run',
      timeoutMs: 30_000,
    })
    expect(await serving.end('SIGTERM')).toBe(0)
    expect(serving.out()).toMatch(/hang: lost: its process was stopped/)
    expect((await json<{ jobs: object[] }>('jobs')).value.jobs).toContainEqual(
      expect.objectContaining({ name: 'hang', state: 'lost' }),
    )
  })

  test('jobs run, history, pause and resume', async () => {
    expect(await json('jobs', 'run', 'ping')).toMatchObject({ code: 0, value: { state: 'done', manual: true } })
    const failed = await cli('jobs', 'run', 'fail')
    expect([failed.code, failed.stderr]).toEqual([6, expect.stringContaining('division by zero')])
    const unknown = await cli('jobs', 'run', 'no-such')
    expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringContaining('analyze, freeze')])
    expect(await json('jobs', 'history', 'ping', '--limit', '5')).toMatchObject({
      value: { runs: [{ job: 'ping', state: 'done', did: '1 statement, 1 row' }] },
    })
    await expect(cli('jobs', 'history', '--limit', 'two')).rejects.toMatchObject({ code: 'USAGE' })
    expect(await json('jobs', 'pause', 'ping')).toEqual({ code: 0, value: { paused: 'ping' } })
    expect((await cli('jobs')).stdout).toMatch(/^ping +every 1 second +paused/m)
    expect(await json('jobs', 'resume', 'ping')).toEqual({ code: 0, value: { resumed: 'ping' } })
    const listed = await cli('jobs')
    expect(listed.stdout).toMatch(/^job +schedule +state +next +last run/)
    expect(listed.stdout).toMatch(/^fail .* failed: division by zero$/m)
  })
})
