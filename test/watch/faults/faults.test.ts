// Faults, put into real servers under a real daemon: each raises its alert once, within what its intervals say, and the alert is over
// once when the fault is gone; while nothing is wrong, nothing is raised. All faults at once, in one life of one daemon.
//
// On PostgreSQL 18 alone: what differs between versions are the probes, which have tests on both.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EmbeddedNode } from '../../../src/embedded/index.ts'
import { waitUntil } from '../../support/wait.ts'
import { beganMs, endedMs, injectAll } from './inject.ts'
import { faults, paged, scaled, type Fault } from './list.ts'
import { boundMs, listen, readAlerts, waitForReadings, type StoredAlert } from './support.ts'
import { closeWorld, openWorld, type World } from './world.ts'

let world: World
const { told, onAlert } = listen()
let quiet: readonly StoredAlert[] = []
let alerts: readonly StoredAlert[] = []

function alertOf({ rule, node = 'primary', labels }: Fault, among: readonly StoredAlert[]): readonly StoredAlert[] {
  return among.filter(
    (one) => one.rule === rule && one.node === node && (labels === undefined || String(one.labels) === String(labels)),
  )
}

/** Until it is so of all of them, or the longest of their bounds is over: which one was late is told by its own test. */
async function settle(isDone: (alert: StoredAlert) => boolean): Promise<void> {
  const timeoutMs = Math.max(...faults.map(({ slackMs = 0 }) => boundMs + slackMs))
  const areDone = async (): Promise<boolean> => {
    const stored = await readAlerts(world.db)
    return faults.every((fault) => alertOf(fault, stored).some(isDone))
  }
  await waitUntil(areDone, { what: 'all alerts', timeoutMs }).catch(() => undefined)
}

describe('a fault', () => {
  beforeAll(async () => {
    world = await openWorld()
    await world.daemon.start({ jobs: true, onAlert })
    await waitForReadings(world.daemon)
    quiet = await readAlerts(world.db)
    const ends = await injectAll(world)
    await settle(({ firedMs }) => firedMs !== null)
    await Promise.all(ends.map((end) => end()))
    await settle(({ state: now, actions }) => now === 'resolved' && actions.every((one) => !one.endsWith(' due')))
    alerts = await readAlerts(world.db)
  }, 240_000)

  afterAll(() => closeWorld(world), 60_000)

  test('about a statement has its text in the report', () => {
    const alert = alerts.find(({ rule, labels }) => rule === 'SlowQueryDetected' && !String(labels).startsWith('work:'))
    expect(alert?.reports['log_and_alert']).toMatchObject({
      statements: expect.arrayContaining([
        expect.objectContaining({ text: expect.stringMatching(/pg_sleep\(\$1\)/i) as unknown }),
      ]) as unknown,
    })
  })

  test('about an index that was dropped has those that are missing in the report', () => {
    const alert = alerts.find(({ rule }) => rule === 'ExpectedIndexUnused')
    const report = alert?.reports['analyze_missing_indexes']
    expect(report).toMatchObject({ readWhole: [{ table: 'plays' }] })
    expect(JSON.stringify(report)).toMatch(/create index[^;]+plays[^;]+song_id/i)
  })

  test('about a replica has what was found out in the report', () => {
    const alert = alerts.find(({ rule }) => rule === 'ReplicationLag')
    expect(alert?.reports['investigate_replication']).toMatchObject({
      senders: [{ replica: 'replica-1', state: 'streaming' }],
      findings: expect.arrayContaining(['Nobody reads slot left_alone: its replica or consumer is away']) as unknown,
    })
  })

  test('about many sessions at work hands the load to the function that makes replicas, once', () => {
    expect(scaled).toMatchObject([
      {
        event: 'fired',
        alerts: [{ rule: 'HighConnectionCount', evidence: { load: { maxConnections: 60, replicasConnected: 1 } } }],
      },
    ])
    const alert = alerts.find(({ rule }) => rule === 'HighConnectionCount')
    expect(alert?.reports['scale_read_replicas']).toMatchObject({ asked: true, answer: { made: 'replica-2' } })
  })

  test('raises no alert twice, and is told as often as it is raised', () => {
    const names = alerts.map(({ rule, node, labels }) => [rule, node, ...labels.toSorted()].join(' '))
    expect(new Set(names).size).toBe(names.length)
    const ended = alerts.flatMap(({ state: now }, index) => (now === 'resolved' ? [names[index]] : []))
    expect(told.toSorted()).toEqual(
      [...names.map((name) => `fired ${name}`), ...ended.map((name) => `resolved ${name}`)].toSorted(),
    )
  })

  test('while there are none, no alert is raised', () => {
    expect(quiet).toEqual([])
  })

  test.each(faults)('$rule fires once, and is over once', (fault) => {
    const { slackMs = 0 } = fault
    const found = alertOf(fault, alerts)
    expect(found.map(({ state }) => state)).toEqual(['resolved'])
    const [alert] = found
    expect(Number(alert?.firedMs) - Number(beganMs.get(fault))).toBeLessThan(boundMs + slackMs)
    expect(Number(alert?.resolvedMs) - Number(endedMs.get(fault))).toBeLessThan(boundMs + slackMs)
    expect(alert?.actions.filter((one) => one.includes(' log '))).toEqual(['fired log done', 'resolved log done'])
  })

  test('of a replica: that it is stopped is told once, and that it is back', async () => {
    await stopAndStart(world.cluster.replicas[0], 'replica-1')
  })

  test('of the primary is told while the database that holds the alerts is away, once, and is in its table afterwards', async () => {
    await stopAndStart(world.cluster.primary, 'primary')
    const alert = (await readAlerts(world.db)).find(({ rule, node }) => rule === 'ServerDown' && node === 'primary')
    expect(alert?.actions.toSorted()).toEqual([
      'fired log done',
      'fired oncall done',
      'resolved log done',
      'resolved oncall done',
    ])
  })
})

/** Between two tries to reach a server. */
const pauseMs = 12_500

async function stopAndStart(server: EmbeddedNode | undefined, name: string): Promise<void> {
  const heard = (): readonly string[] => paged.told.filter((one) => one.endsWith(` ServerDown ${name}`))
  expect(heard()).toEqual([])
  await server?.stop('fast')
  await waitUntil(() => heard().length > 0, { what: 'that it does not answer', timeoutMs: boundMs })
  await server?.start()
  const isOver = async (): Promise<boolean> => {
    const stored = await readAlerts(world.db).catch(() => [])
    return stored.some(({ rule, node, state: now }) => rule === 'ServerDown' && node === name && now === 'resolved')
  }
  await waitUntil(isOver, { what: 'that it answers', timeoutMs: boundMs + pauseMs })
  const logged = (): readonly string[] => told.filter((one) => one.endsWith(` ServerDown ${name}`))
  await waitUntil(() => heard().length > 1 && logged().length > 1, { what: 'that this is told' })
  expect(heard()).toEqual([`fired ServerDown ${name}`, `resolved ServerDown ${name}`])
  expect(logged()).toEqual(heard())
  expect((await readAlerts(world.db)).filter(({ rule, node }) => rule === 'ServerDown' && node === name)).toHaveLength(
    1,
  )
}
