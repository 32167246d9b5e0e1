// `pgstrata dev` as npm start runs it: a primary and a replica that answer, Ctrl-C that leaves no process, and data
// that is there again the next time. What is declared to be watched is watched, and answered over HTTP.

import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { openDb } from '../../src/db/pg-db.ts'
import { onlyRow } from '../../src/db/db.ts'
import { sql } from '../../src/sql/sql.ts'
import { freePort } from '../support/free-port.ts'
import { createProject, type Project } from '../support/project.ts'
import { processesWith } from '../support/processes.ts'
import { waitUntil } from '../support/wait.ts'
import { cliPath } from '../support/cli.ts'
import { spawn } from 'node:child_process'

let project: Project
let port: number
beforeEach(async () => {
  port = await freePort()
  project = await createProject('postgres://unused@127.0.0.1:1/unused', {
    config: { dev: { port: 0, database: 'shop' }, watch: {}, server: { port } },
    files: { 'migrations/0001_song.sql': 'create table song (id int primary key);\n' },
  })
})
afterEach(() => project.close())

interface Ready {
  readonly primary: string
  readonly replicas: readonly string[]
  readonly dataDir: string
  readonly migrations: number
  readonly http: string | null
}

interface Running {
  readonly ready: Ready
  readonly stderr: () => string
  stop(signal: NodeJS.Signals): Promise<number | null>
}

async function startDev(...args: string[]): Promise<Running> {
  const child: ChildProcess = spawn(process.execPath, [cliPath, 'dev', '--json', ...args], {
    cwd: project.dir,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const ready = await waitUntil(
    () => {
      if (child.exitCode !== null) throw new Error(`dev ended: ${stderr}`)
      return stdout.endsWith('}\n') ? (JSON.parse(stdout) as Ready) : undefined
    },
    { what: 'ready', timeoutMs: 60_000 },
  )
  return {
    ready,
    stderr: () => stderr,
    stop: (signal) => {
      child.kill(signal)
      return ended
    },
  }
}

/** The replica among what is looked after. */
async function untilHealthy(at: number): Promise<void> {
  await waitUntil(
    async () => {
      const response = await fetch(`http://127.0.0.1:${at}/health`)
      const health = (await response.json()) as { status: string; replicas: readonly { status: string }[] }
      return response.status === 200 && health.status === 'ok' && health.replicas[0]?.status === 'up'
    },
    { what: 'health', timeoutMs: 30_000 },
  )
}

async function untilMeasured(url: string): Promise<void> {
  await waitUntil(
    async () =>
      (
        await ask<{ measured: boolean }>(
          url,
          sql`select exists (select from pgstrata.lease where name = 'watch' and expires_at > clock_timestamp()) as measured`,
        )
      ).measured,
    { what: 'whoever measures', timeoutMs: 30_000 },
  )
}

async function ask<Row extends object>(
  url: string,
  statement: Parameters<ReturnType<typeof openDb>['query']>[0],
): Promise<Row> {
  const db = openDb({ url })
  try {
    return onlyRow(await db.query<Row>(statement))
  } finally {
    await db.close()
  }
}

test(
  'starts, replicates, stops on Ctrl-C without a trace, and starts again with the same data',
  { timeout: 180_000 },
  async () => {
    const first = await startDev()
    expect(first.ready).toMatchObject({ migrations: 1, http: `http://127.0.0.1:${port}` })
    await untilHealthy(port)
    await untilMeasured(first.ready.primary)
    expect(await ask(first.ready.primary, sql`insert into song values (7) returning id`)).toEqual({ id: 7 })
    const [replica = ''] = first.ready.replicas
    await waitUntil(async () => (await ask<{ count: string }>(replica, sql`select count(*) from song`)).count === '1', {
      what: 'the row on the replica',
    })
    expect(await ask(replica, sql`select pg_is_in_recovery() as is_replica`)).toEqual({ is_replica: true })
    expect((await processesWith(first.ready.dataDir)).length).toBeGreaterThan(0)
    expect(await first.stop('SIGINT')).toBe(0)
    expect(await processesWith(first.ready.dataDir)).toEqual([])

    // A port that is taken, as by a `pgstrata serve` beside it, is told of and stops nothing.
    const taken = createServer().listen(port, '127.0.0.1')
    onTestFinished(() => void taken.close())
    await once(taken, 'listening')
    const second = await startDev()
    expect(second.ready).toMatchObject({ migrations: 0, dataDir: first.ready.dataDir, http: null })
    expect(second.stderr()).toMatch(new RegExp(`^No HTTP here: .*${port}`, 'm'))
    await untilMeasured(second.ready.primary)
    expect(await ask(second.ready.primary, sql`select id from song`)).toEqual({ id: 7 })
    expect(await second.stop('SIGTERM')).toBe(0)
    taken.close()

    const third = await startDev('--reset', '--no-jobs')
    expect(third.ready.http).toBeNull()
    expect(await ask(third.ready.primary, sql`select count(*)::int as count from song`)).toEqual({ count: 0 })
    expect(await third.stop('SIGKILL')).toBeNull()

    // Nobody stopped that cluster in order; the next start finds it and takes over.
    const fourth = await startDev()
    expect(await ask(fourth.ready.primary, sql`select count(*)::int as count from song`)).toEqual({ count: 0 })
    expect(await fourth.stop('SIGINT')).toBe(0)
    expect(await processesWith(first.ready.dataDir)).toEqual([])
  },
)

test('a migration that fails stops it, says why and leaves nothing running', { timeout: 60_000 }, async () => {
  await project.write('migrations/0002_bad.sql', 'selct 1;\n')
  const result = await project.cli(['dev'])
  expect([result.code, result.stderr]).toEqual([3, expect.stringContaining('0002_bad.sql:1:1')])
  expect(await processesWith(`${project.dir}/.pgstrata`)).toEqual([])
})
