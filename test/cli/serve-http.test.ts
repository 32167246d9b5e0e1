// `pgstrata serve` over HTTP, and `pgstrata export`: what they print, what they refuse, and their end.

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { ensureInstalled } from '../../src/catalog/install.ts'
import { call, command } from '../support/command.ts'
import { testDatabase, versions, type TestDatabase } from '../support/postgres.ts'
import { createProject, type Project } from '../support/project.ts'
import { waitUntil } from '../support/wait.ts'

const token = 'a-token-that-is-long'

// Nothing of it is another on another version.
describe.each(versions.slice(0, 1))('on PostgreSQL %d', (version) => {
  let database: TestDatabase
  beforeAll(async () => {
    database = await testDatabase(version)
    await database.db.withSession(async (session) => void (await ensureInstalled(session)))
  })
  afterAll(() => database.close())
  const projectOf = async (config: Record<string, unknown>): Promise<Project> => {
    const project = await createProject(database.url, { config })
    onTestFinished(() => project.close())
    return project
  }
  const urlIn = (text: string): string | undefined => /Listening at (http:\S+)/.exec(text)?.[1]

  test('it listens where it is configured, says where, and ends in order', async () => {
    const serving = call(await projectOf({ server: { port: 0, tokens: { read: token } } }), ['serve'])
    const url = await waitUntil(() => urlIn(serving.out()), { what: 'it listens', timeoutMs: 30_000 })
    expect((await fetch(`${url}/health`)).status).toBe(200)
    expect((await fetch(`${url}/api/jobs`)).status).toBe(401)
    const jobs = await fetch(`${url}/api/jobs`, { headers: { authorization: `Bearer ${token}` } })
    expect(jobs.status).toBe(200)
    expect(await serving.end()).toBe(0)
    expect(serving.err()).toMatch(/Stopping …\nStopped\.\n$/)
    await expect(fetch(`${url}/health`)).rejects.toThrow('fetch failed')
  })

  test('--port makes it listen where nothing is configured, and --json tells where', async () => {
    const serving = call(await projectOf({}), ['serve', '--port', '0', '--json'])
    const line = await waitUntil(() => /^.*"listening".*$/m.exec(serving.out())?.[0], { what: 'it', timeoutMs: 30_000 })
    const { url } = JSON.parse(line) as { url: string }
    expect((await fetch(`${url}/health/live`)).status).toBe(200)
  })

  test('without either, and with --no-http, it does not listen', async () => {
    for (const [config, args] of [
      [{}, ['serve']],
      [{ server: { port: 0 } }, ['serve', '--no-http']],
    ] as const) {
      const serving = call(await projectOf(config), args)
      await waitUntil(() => serving.out().includes('Running'), { what: 'it runs', timeoutMs: 30_000 })
      expect(await serving.end()).toBe(0)
      expect(serving.out()).not.toContain('Listening')
    }
  })

  test('what cannot be is refused before anything runs', async () => {
    const refused = async (config: Record<string, unknown>, ...args: string[]): Promise<[number, string]> => {
      const { code, out, err } = await command((await projectOf(config)).dir, 'serve', ...args)
      expect(out).not.toContain('Running')
      return [code, err]
    }
    expect(await refused({}, '--port', '99999')).toEqual([3, expect.stringContaining('0 to 65535')])
    expect(await refused({}, '--host', '0.0.0.0')).toEqual([3, expect.stringContaining('`server.tokens`')])
    expect(await refused({ server: { host: '0.0.0.0' } })).toEqual([3, expect.stringContaining('server.host')])
    const short = await refused({ server: { tokens: { read: 'tooshort' } } })
    expect(short).toEqual([3, expect.stringContaining('server.tokens.read')])
    expect(short[1]).not.toContain('tooshort')
  })

  test('export prints the dashboard, and the rules of the configuration', async () => {
    const project = await projectOf({
      watch: {},
      alerts: { rules: { Mine: { metric: 'pgstrata_blocked_sessions', over: 7 } } },
    })
    const dashboard = await command(project.dir, 'export', 'dashboard')
    expect([dashboard.code, JSON.parse(dashboard.out)]).toMatchObject([0, { title: 'pgstrata' }])
    const rules = await command(project.dir, 'export', 'rules')
    expect([rules.code, rules.out]).toEqual([0, expect.stringContaining('- alert: "Mine"\n')])
    expect(rules.out).toContain('expr: "pgstrata_blocked_sessions > 7 or ')
    expect(JSON.parse((await command(project.dir, 'export', 'rules', '--json')).out)).toEqual({ yaml: rules.out })
  })
})
