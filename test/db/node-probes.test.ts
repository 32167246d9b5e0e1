// What doctor says of the servers of a configuration, on real clusters: a good replica, and each way of not being one.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { ProbeResult } from '../../src/base/probe.ts'
import { readNodes, type ConfiguredNode } from '../../src/db/node-facts.ts'
import { nodeProbes } from '../../src/db/node-probes.ts'
import { openDb } from '../../src/db/pg-db.ts'
import type { Db } from '../../src/db/db.ts'
import { startCluster, type EmbeddedCluster } from '../../src/embedded/index.ts'
import { sql } from '../../src/sql/sql.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { skipped, versions } from '../support/versions.ts'

describe.each(versions)('doctor on the nodes of PostgreSQL %d', (version) => {
  let cluster: EmbeddedCluster
  let other: EmbeddedCluster
  const opened: Db[] = []

  const open = (url: string): Db => {
    const db = openDb({ url, connectTimeoutMs: 2_000 })
    opened.push(db)
    return db
  }
  const urlOf = (replica: number): string => cluster.replicas[replica]?.url() ?? ''
  const nodeAt = (url: string, change: Partial<ConfiguredNode> = {}): ConfiguredNode => ({
    name: 'replica-1',
    db: open(url),
    isReplica: true,
    maxLagMs: 1_000,
    connections: 11,
    ...change,
  })
  const askAll = async (nodes: readonly ConfiguredNode[]): Promise<Record<string, ProbeResult>> => {
    const probes = nodeProbes({ reference: open(cluster.primary.url()), nodes, clock: systemClock })
    const answers: [string, ProbeResult][] = []
    for (const probe of probes) answers.push([probe.name, await probe.run()])
    return Object.fromEntries(answers)
  }
  const ask = (url: string, change: Partial<ConfiguredNode> = {}): Promise<Record<string, ProbeResult>> =>
    askAll([nodeAt(url, change)])
  const verdicts = (answers: Readonly<Record<string, ProbeResult>>): Record<string, string> =>
    Object.fromEntries(Object.entries(answers).map(([name, { verdict }]) => [name, verdict]))

  beforeAll(async () => {
    cluster = await startCluster({ inMemory: true, version, replicas: 2 })
    other = await startCluster({ inMemory: true, version, replicas: 1 })
  })
  afterAll(async () => {
    await cluster.stop()
    await other.stop()
  })
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((db) => db.close()))
  })

  test('a good replica passes, and is told what may cancel its reads', async () => {
    const answers = await ask(urlOf(0))
    expect(verdicts(answers)).toEqual({
      'replica-1: connection': 'ok',
      'replica-1: version': 'ok',
      'replica-1: cluster': 'ok',
      'replica-1: role': 'ok',
      'replica-1: pooler': 'ok',
      'replica-1: connections': 'ok',
      'replica-1: timeline': 'ok',
      'replica-1: streaming': 'ok',
      'replica-1: lag': 'ok',
      'replica-1: cancellations': 'warn',
      'replica-1: privileges': 'ok',
    })
    expect(answers['replica-1: cancellations']?.found).toContain('after 30.0 s')
  })

  test("another cluster's replica", async () => {
    const answers = await ask(other.replicas[0]?.url() ?? '')
    expect(answers['replica-1: cluster']).toMatchObject({
      verdict: 'fail',
      found: expect.stringMatching(/^of another cluster/),
    })
    for (const what of ['timeline', 'lag'])
      expect(answers[`replica-1: ${what}`]).toMatchObject({ found: 'not asked: it is no replica of the primary' })
  })

  test('the primary under another name', async () => {
    const answers = await ask(cluster.primary.url().replace('127.0.0.1', 'localhost'))
    expect(answers['replica-1: role']).toMatchObject({
      verdict: 'fail',
      found: 'the primary itself, under another name',
    })
    expect(answers['replica-1: lag']).toMatchObject({ verdict: 'warn' })
  })

  test('a primary of its own, and a replica in place of the primary', async () => {
    const answers = await askAll([nodeAt(urlOf(0), { name: 'primary', isReplica: false }), nodeAt(other.primary.url())])
    expect(answers['primary: role']).toMatchObject({ verdict: 'fail', found: 'a replica' })
    expect(answers['replica-1: role']).toMatchObject({
      verdict: 'fail',
      found: expect.stringMatching(/takes writes of its own/),
    })
    expect(answers['primary: lag']).toBeUndefined()
  })

  test('one server under two names', async () => {
    const answers = await askAll([
      nodeAt(urlOf(0)),
      nodeAt(urlOf(0).replace('127.0.0.1', 'localhost'), { name: 'replica-2' }),
      nodeAt(urlOf(1), { name: 'replica-3' }),
    ])
    expect(answers['replica-2: role']).toMatchObject({ verdict: 'warn', found: 'the same server as replica-1' })
    expect(answers['replica-3: role']).toMatchObject({ verdict: 'ok' })
  })

  test('a replica that replays late, and one whose replay is paused', async () => {
    const [replica] = cluster.replicas
    await replica?.setReplayDelay(60_000)
    await open(cluster.primary.url()).query(sql`create table late_song (id int)`)
    const late = await ask(urlOf(0), { maxLagMs: 50 })
    expect(late['replica-1: lag']).toMatchObject({
      verdict: 'warn',
      found: expect.stringMatching(/^more than 1\.0 s behind now; maxLag is 50 ms/),
    })
    await replica?.setReplayDelay(0)
    await replica?.waitFor()
    expect((await ask(urlOf(0)))['replica-1: lag']).toMatchObject({ verdict: 'ok' })
    await replica?.pauseReplay()
    expect((await ask(urlOf(0)))['replica-1: lag']).toMatchObject({
      verdict: 'fail',
      fix: expect.stringMatching(/pg_wal_replay_resume/),
    })
    await replica?.resumeReplay()
  })

  test('a role that does not see what is streamed, and too many connections', async () => {
    const server = open(cluster.primary.url())
    await server.query(sql`create role weak login connection limit 12`)
    await cluster.replicas[0]?.waitFor()
    const weak = urlOf(0).replace('postgres@', 'weak@')
    const answers = await ask(weak)
    expect(answers['replica-1: privileges']).toMatchObject({
      verdict: 'warn',
      fix: expect.stringMatching(/grant pg_monitor to "weak"/),
    })
    expect(answers['replica-1: timeline']).toMatchObject({ verdict: 'ok' })
    expect(answers['replica-1: connections']).toMatchObject({
      verdict: 'warn',
      found: expect.stringMatching(/of 12 that role "weak"/),
    })
    expect((await ask(weak, { connections: 13 }))['replica-1: connections']).toMatchObject({ verdict: 'fail' })
  })

  test('a server that does not answer fails at its connection', async () => {
    const answers = await ask('postgres://postgres:hunter2@127.0.0.1:1/postgres')
    expect(answers['replica-1: connection']).toMatchObject({
      verdict: 'fail',
      found: expect.stringMatching(/ECONNREFUSED/),
    })
    expect(JSON.stringify(answers)).not.toContain('hunter2')
  })

  test.skipIf(skipped.has('pgbouncer'))('a replica behind a pooler is fine', async () => {
    const pooler = await startPgBouncer(urlOf(1), 'transaction')
    try {
      const answers = await ask(pooler.url)
      expect(answers['replica-1: pooler']).toMatchObject({
        verdict: 'ok',
        found: expect.stringMatching(/a pooler in transaction mode/),
      })
      expect(answers['replica-1: connections']).toMatchObject({
        verdict: 'ok',
        found: expect.stringMatching(/to a pooler/),
      })
      expect(answers['replica-1: role']).toMatchObject({ verdict: 'ok' })
    } finally {
      await pooler.close()
    }
  })

  test('status has role, timeline, position and lag of each, and who does not answer', async () => {
    const nodes = await readNodes(
      [
        nodeAt(cluster.primary.url(), { name: 'primary', isReplica: false }),
        nodeAt(urlOf(0)),
        nodeAt('postgres://postgres@127.0.0.1:1/postgres', { name: 'replica-2' }),
      ],
      systemClock,
    )
    const position = expect.stringMatching(/^[0-9A-F]+\/[0-9A-F]+$/)
    expect(nodes).toMatchObject([
      { node: 'primary', role: 'primary', timeline: 1, position, lagMs: 0 },
      { node: 'replica-1', role: 'replica', timeline: 1, position, lagMs: expect.any(Number) },
      { node: 'replica-2', role: 'unknown', timeline: null, error: expect.stringContaining('ECONNREFUSED') },
    ])
  })

  test('a replica that does not follow the promoted one is left behind', async () => {
    await cluster.primary.stop()
    await cluster.replicas[0]?.promote()
    const behind = nodeProbes({ reference: open(urlOf(0)), nodes: [nodeAt(urlOf(1))], clock: systemClock })
    const results = await Promise.all(behind.map(async (probe) => [probe.name, await probe.run()] as const))
    expect(Object.fromEntries(results)).toMatchObject({
      'replica-1: cluster': { verdict: 'ok' },
      'replica-1: timeline': { verdict: 'fail', found: 'timeline 1, the primary is on 2' },
      'replica-1: streaming': { verdict: 'warn', found: expect.stringMatching(/^no WAL receiver/) },
    })
  })
})
