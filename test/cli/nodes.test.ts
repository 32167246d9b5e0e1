// The commands on a configuration of several servers: doctor and status show each of them, pgbouncer works out its file. One of each is
// a process; what comes after the start of one is the same in this.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { command, type Said } from '../support/command.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { createProject, type Project } from '../support/project.ts'
import { skipped } from '../support/versions.ts'

interface Check {
  readonly name: string
  readonly verdict: string
  readonly found: string
}

describe('a project with a replica', () => {
  let cluster: EmbeddedCluster
  let project: Project
  const open = async (database: Readonly<Record<string, unknown>>): Promise<Project> => {
    project = await createProject('', { config: { database: { primary: cluster.primary.url(), ...database } } })
    return project
  }
  const here = (...args: string[]): Promise<Said> => command(project.dir, ...args)
  const json = async <T>(...args: string[]): Promise<{ code: number | null; value: T }> => {
    const { code, out } = await here(...args, '--json')
    return { code, value: JSON.parse(out) as T }
  }
  const replica = (): string => cluster.replicas[0]?.url() ?? ''

  beforeAll(async () => {
    cluster = await startCluster({ inMemory: true, replicas: 1 })
  })
  afterAll(() => cluster.stop())
  afterEach(() => project.close())

  test('doctor asks each server, and goes on where one does not answer', async () => {
    await open({
      replicas: [{ url: replica() }, { url: 'postgres://app:hunter2@127.0.0.1:1/app', name: 'lost' }],
      pool: { max: 20 },
    })
    const { code, value } = await json<{ checks: Check[] }>('doctor')
    expect(code).toBe(4)
    const verdicts = Object.fromEntries(value.checks.map(({ name, verdict }) => [name, verdict]))
    expect(verdicts).toMatchObject({
      'primary: connection': 'ok',
      'primary: connections': 'ok',
      'replica-1: role': 'ok',
      'replica-1: lag': 'ok',
      'lost: connection': 'fail',
      migrations: 'ok',
    })
    expect(value.checks.filter(({ name }) => name.startsWith('lost'))).toHaveLength(1)
    expect(value.checks.find(({ name }) => name === 'primary: connections')?.found).toMatch(/^up to 21 a process/)
    expect(JSON.stringify(value)).not.toContain('hunter2')
  })

  test('doctor says where a replica is the primary under another name', async () => {
    await open({ replicas: [{ url: cluster.primary.url().replace('127.0.0.1', 'localhost') }] })
    const { code, stdout } = await project.cli(['doctor'])
    expect([code, stdout]).toEqual([
      4,
      expect.stringMatching(/^fail {2}replica-1: role: the primary itself, under another name$/m),
    ])
  })

  test.skipIf(skipped.has('pgbouncer'))('doctor tells the direct way from the one through a pooler', async () => {
    const pooler = await startPgBouncer(cluster.primary.url(), 'transaction')
    try {
      await open({ primary: pooler.url, direct: cluster.primary.url() })
      const { code, value } = await json<{ checks: Check[] }>('doctor')
      expect(code, JSON.stringify(value)).toBe(0)
      const found = Object.fromEntries(value.checks.map((check) => [check.name, check.found]))
      expect(found).toMatchObject({
        'direct: pooler': 'no pooler in between',
        'primary: pooler': expect.stringContaining('a pooler in transaction mode'),
        'primary: role': 'a primary',
      })
      const { value: planned } = await json<{ databases: { target: { port: number } }[] }>('pgbouncer')
      expect(planned.databases[0]?.target.port).toBe(cluster.primary.port)
    } finally {
      await pooler.close()
    }
  })

  test('status shows role, timeline, position and lag of each', async () => {
    await open({ replicas: [{ url: replica(), name: 'berlin' }] })
    const { code, value } = await json<{ nodes: unknown[] }>('status')
    expect([code, value.nodes]).toEqual([
      0,
      [
        expect.objectContaining({ node: 'primary', role: 'primary', timeline: 1, lagMs: 0 }),
        expect.objectContaining({ node: 'berlin', role: 'replica', timeline: 1, lagMs: expect.any(Number) }),
      ],
    ])
    const { stdout } = await project.cli(['status'])
    expect(stdout).toMatch(/^berlin {3}\S+ {2}replica {2}timeline 1, \S+ +\d+ ms behind$/m)
  })

  test('pgbouncer prints its file, as JSON, or writes it once', async () => {
    await open({ replicas: [{ url: replica() }], pool: { max: 29, connectTimeout: '2s' } })
    const printed = await project.cli(['pgbouncer', '--processes', '4'])
    expect([printed.code, printed.stderr]).toEqual([0, ''])
    expect(printed.stdout).toContain(`\npostgres = host=127.0.0.1 port=${cluster.primary.port} dbname=postgres `)
    expect(printed.stdout).toContain('\npostgres_replica-1 = ')
    expect(printed.stdout).toContain('\nquery_wait_timeout = 2\n')
    const { value } = await json<{ databases: unknown[]; ini: string }>('pgbouncer', '--processes', '4')
    expect(value).toMatchObject({ processes: 4, databases: [{ demand: 120 }, { node: 'replica-1', demand: 120 }] })
    expect(value.ini).toBe(printed.stdout)

    const write = ['pgbouncer', '--processes', '4', '--out', 'pooler.ini']
    expect(await here(...write)).toMatchObject({ code: 0, out: '' })
    expect(await readFile(join(project.dir, 'pooler.ini'), 'utf8')).toBe(printed.stdout)
    expect(await here(...write)).toMatchObject({ code: 5, err: expect.stringContaining('FILE_EXISTS') })
    expect(await here(...write, '--force')).toMatchObject({ code: 0 })
  })

  test('pgbouncer asks no server where it is told max_connections', async () => {
    await open({ primary: 'postgres://app:hunter2@127.0.0.1:1/app?sslmode=require' })
    const { code, out } = await here('pgbouncer', '--max-connections', '200')
    expect([code, out]).toEqual([0, expect.stringContaining('\n; primary: 200 - 3 reserved - 20 left free = 177;')])
    expect(out).toContain('\nserver_tls_sslmode = require\n')
    expect(out).not.toContain('hunter2')
    expect(await here('pgbouncer', '--processes', 'many')).toMatchObject({ code: 3 })
    expect(await here('pgbouncer')).toMatchObject({ code: 4 })
  })
})
