// `pgstrata top`: one page of what a server is at, drawn for a screen and as JSON, on a server that is at something.

import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { renderTop, type TopModel } from '../../src/cli/top-view.ts'
import { runCli } from '../../src/cli/program.ts'
import { command } from '../support/command.ts'
import { describeOnEachVersion } from '../support/postgres.ts'
import { createProject } from '../support/project.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { waitUntil } from '../support/wait.ts'

const model: TopModel = {
  at: new Date('2026-11-22T10:00:00Z'),
  target: 'app@db:5432/app',
  version: '18.4',
  load: [
    { wait: 'CPU', sessions: 1.5 },
    { wait: 'Lock', sessions: 3 },
  ],
  cores: undefined,
  connections: { active: 4, idle: 10, inTransaction: 1, most: 100 },
  rates: { commits: 1_234.4, rollbacks: 2, hitRatio: 0.987, walBytes: 2_048 },
  statements: [
    { text: 'select *\n  from plays where song_id = $1', callsPerSecond: 900, meanMs: 0.4, share: 0.75 },
    { text: '(all others)', callsPerSecond: 20, meanMs: 3, share: 0.25 },
  ],
  nodes: [
    { name: 'primary', role: 'primary', lagMs: 0 },
    { name: 'replica-1', role: 'replica', lagMs: 20 },
  ],
  blocked: 2,
  longestTransactionMs: 120_000,
  alerts: [{ severity: 'critical', summary: 'everything is slow' }],
  notAsked: ['cpu: not available because the server is elsewhere'],
}
const plain = (_style: string, text: string): string => text

describe('the page of top', () => {
  test('says what there is to say, the heaviest wait first', () => {
    const page = renderTop(model, { columns: 120, rows: 40 }, plain)
    expect(page.join('\n')).toMatchInlineSnapshot(`
      "pgstrata top  app@db:5432/app  PostgreSQL 18.4  10:00:00 UTC
      15 of 100 connections (4 active, 1 idle in transaction)   1,234 commits/s, 2.0 rollbacks/s   98.7 % from buffers   WAL …
      primary primary   replica-1 replica 20 ms behind
      critical: everything is slow

      Load  4.50 active sessions, the mean of the last minute
        Lock    3.00  ██████████████████████████████
        CPU     1.50  ███████████████

        share   calls/s       mean  statement
        75.0%       900    0.40 ms  select * from plays where song_id = $1
        25.0%      20.0    3.00 ms  (all others)

      cpu: not available because the server is elsewhere"
    `)
  })

  test('is never larger than the screen, and says what is not known', () => {
    const nothing = { ...model, load: undefined, connections: undefined, statements: [], notAsked: [] }
    for (const [columns, rows] of [
      [1, 1],
      [12, 3],
      [40, 5],
      [80, 24],
      [200, 3],
    ] as const) {
      for (const one of [model, nothing]) {
        const page = renderTop(one, { columns, rows }, plain)
        expect(page.length).toBeLessThanOrEqual(rows)
        for (const line of page) expect(Array.from(line).length).toBeLessThanOrEqual(columns)
      }
    }
    // Asian text and pictures take two cells each.
    const text = '選択 '.repeat(20) + '🎵'.repeat(60)
    const summary = 'é'.repeat(100)
    const odd = {
      ...model,
      statements: [{ text, callsPerSecond: 1, meanMs: 1, share: 1 }],
      alerts: [{ severity: 'info', summary }],
    }
    const cells = (line: string): number =>
      Array.from(line).reduce((sum, one) => sum + (/[選択🎵]/u.test(one) ? 2 : 1), 0)
    for (const columns of [20, 41, 60, 61, 120]) {
      const page = renderTop(odd, { columns, rows: 40 }, plain)
      for (const line of page) expect(cells(line.normalize())).toBeLessThanOrEqual(columns)
      if (columns > 40) expect(page.join('\n')).toContain('選')
    }
    expect(renderTop(nothing, { columns: 80, rows: 24 }, plain).join('\n')).toContain('No statement was counted')
  })
})

test('what a server says does not steer the terminal', () => {
  const text = 'select "\u001B[2J\u0007" from t'
  const page = renderTop(
    { ...model, statements: [{ text, callsPerSecond: 1, meanMs: 1, share: 1 }] },
    { columns: 120, rows: 40 },
    plain,
  )
  expect(page.join('')).toContain('from t')
  expect(page.join('')).not.toMatch(/\p{Cc}/u)
})

describeOnEachVersion('pgstrata top', (_version, database) => {
  test('shows a session that is blocked, the load it makes, and no parameter of anybody', async () => {
    const { url } = database()
    const [holder, waiter] = await Promise.all([connect(url), connect(url)])
    await holder.query(`create table t (secret text); insert into t values ('hush-hush')`)
    await holder.query(`begin; lock table t`)
    const waiting = waiter.query(`select * from t where secret = $1`, ['hush-hush'])
    const project = await createProject(url)
    onTestFinished(() => project.close())
    const { code, out } = await command(project.dir, 'top', '--once', '--json', '--every', '1s')
    const page = await command(project.dir, 'top', '--every', '1s')
    await holder.query('rollback')
    await waiting
    expect(code).toBe(0)
    const shown = JSON.parse(out) as TopModel
    // Of the server, on which others may wait as well.
    expect(shown.blocked).toBeGreaterThanOrEqual(1)
    expect(shown.load?.find(({ wait }) => wait === 'Lock')?.sessions).toBeGreaterThan(0.5)
    expect(shown.connections?.active).toBeGreaterThanOrEqual(1)
    expect(page.out).toMatch(/[1-9]\d* blocked/)
    expect(out + page.out).not.toContain('hush-hush')
    expect(shown.statements).toEqual([])
    expect(page.out).toContain('statements: not available because')
  })

  test('goes on while the database is away, says so, and shows it again', async () => {
    const target = new URL(database().url)
    const proxy = await startTcpProxy(() => Number(target.port))
    onTestFinished(() => proxy.close())
    const project = await createProject(
      Object.assign(new URL(database().url), { hostname: '127.0.0.1', port: String(proxy.port) }).href,
    )
    onTestFinished(() => project.close())
    const pages: TopModel[] = []
    const stopping = new AbortController()
    const ended = runCli(['top', '--json', '--every', '1s'], {
      cwd: project.dir,
      env: {},
      out: (line) => void pages.push(JSON.parse(line) as TopModel),
      err: () => undefined,
      ask: undefined,
      isTerminal: false,
      colours: false,
      screen: () => undefined,
      keys: undefined,
      signal: stopping.signal,
    })
    const role = (): string | undefined => pages.at(-1)?.nodes[0]?.role
    const timeoutMs = 30_000
    await waitUntil(() => role() === 'primary' && pages.at(-1)?.connections !== undefined, {
      what: 'a page',
      timeoutMs,
    })
    proxy.cutWhen = () => true
    await waitUntil(
      () => role() === 'does not answer' && pages.at(-1)?.notAsked.some((why) => why.includes('cannot be reached')),
      {
        what: 'that it does not answer',
        timeoutMs,
      },
    )
    proxy.cutWhen = undefined
    await waitUntil(
      () => role() === 'primary' && pages.at(-1)?.notAsked.every((why) => !why.includes('cannot be reached')),
      {
        what: 'that it answers',
        timeoutMs,
      },
    )
    stopping.abort()
    expect(await ended).toBe(0)
  })
})

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  onTestFinished(() => client.end())
  return client
}
