// Faults, put into real servers under a real daemon: each raises its alert once, within what its intervals say, and the alert is over
// once when the fault is gone; while nothing is wrong, nothing is raised. All faults at once, in one life of one daemon. A file for
// each version, which have servers and lists of their own.
//
// In the ordinary run all intervals are of a second; with PGSTRATA_SOAK=1 they are those that pgstrata comes with, for 25 minutes.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { EmbeddedNode } from '../../../src/embedded/index.ts'
import { waitUntil } from '../../support/wait.ts'
import { versions, type TestedMajor } from '../../support/versions.ts'
import { beganMs, endedMs, injectAll, injectBefore, type Injected } from './inject.ts'
import { boundsOf, faults, paged, scaled, sizes, type Fault } from './list.ts'
import { boundMs, isUsual, listen, readAlerts, waitForReadings, type StoredAlert } from './support.ts'
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

/** Told by the log, in this process. */
function isTold(event: 'fired' | 'resolved', { rule, node = 'primary', labels = [] }: Fault): boolean {
  const name = [event, rule, node, ...labels.toSorted()].join(' ')
  return told.some((one) => one === name || (labels.length === 0 && one.startsWith(`${name} `)))
}

/** Until its alerts have fired, or should have: which one was late is told by its own test. */
async function endOnceFired({ faults: found, end }: Injected): Promise<void> {
  const timeoutMs = Math.max(0, ...found.map((fault) => bounds(fault).firedMs))
  const areFired = (): boolean => found.every((fault) => isTold('fired', fault))
  await waitUntil(areFired, { what: 'its alerts', timeoutMs }).catch(() => undefined)
  if (isUsual && !areFired()) say(`too late: ${found.map(({ rule }) => rule).join(', ')}`)
  await end()
  const overMs = Math.max(0, ...found.map((fault) => bounds(fault).resolvedMs))
  const areOver = (): boolean => found.every((fault) => isTold('resolved', fault))
  await waitUntil(areOver, { what: 'their ends', timeoutMs: overMs }).catch(() => undefined)
  if (isUsual) say(`${areOver() ? 'over' : 'not over in time'}: ${found.map(({ rule }) => rule).join(', ')}`)
}

/** At once: what tests log is shown when their file has ended. */
function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`)
}

function bounds(fault: Fault): ReturnType<typeof boundsOf> {
  const rule = world.daemon.alerts.rules.find(({ name }) => name === fault.rule)
  expect(rule, fault.rule).toBeDefined()
  return rule === undefined ? { firedMs: 0, resolvedMs: 0 } : boundsOf(fault, rule)
}

const areDone = async (): Promise<boolean> =>
  (await readAlerts(world.db)).every(({ actions }) => actions.every((one) => !one.endsWith(' due')))

const longestMs = isUsual ? 40 * 60_000 : 240_000

/** The version has a file of its own: what is noted of faults is noted once a process. */
export function describeFaults(version: TestedMajor): void {
  describe.runIf(versions.includes(version))(`a fault of PostgreSQL ${version}`, () => {
    beforeAll(async () => {
      world = await openWorld(version)
      const before = await injectBefore(world)
      await world.daemon.start({ jobs: true, onAlert })
      await waitForReadings(world.daemon, isUsual ? 1 : 3)
      const expected = new Set(before.flatMap((one) => one.faults.map(({ rule }) => rule)))
      quiet = (await readAlerts(world.db)).filter(({ rule }) => !expected.has(rule))
      const injected = [...before, ...(await injectAll(world))]
      if (isUsual) say('all faults are in')
      await Promise.all(injected.map(endOnceFired))
      await waitUntil(areDone, { what: 'that all is told', timeoutMs: boundMs * 2 }).catch(() => undefined)
      alerts = await readAlerts(world.db)
      if (isUsual) report()
    }, longestMs)

    afterAll(() => closeWorld(world), 60_000)

    test('about a statement has its text in the report', () => {
      const alert = alerts.find(
        ({ rule, labels }) => rule === 'SlowQueryDetected' && !String(labels).startsWith('work:'),
      )
      expect(alert?.reports['log_and_alert']).toMatchObject({
        statements: expect.arrayContaining([
          expect.objectContaining({ text: expect.stringMatching(/pg_sleep\(\$1\)/i) as unknown }),
        ]) as unknown,
      })
      expect(alert?.summary).toMatch(/^A call of `select pg_sleep\(\$1\)` took 5/i)
    })

    test('about an index that was dropped has those that are missing in the report', () => {
      const alert = alerts.find(({ rule }) => rule === 'ExpectedIndexUnused')
      const report = alert?.reports['analyze_missing_indexes']
      expect((report as { readonly readWhole: readonly unknown[] }).readWhole[0]).toMatchObject({ table: 'plays' })
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
          alerts: [
            {
              rule: 'HighConnectionCount',
              evidence: { load: { maxConnections: sizes.connections, replicasConnected: 1 } },
            },
          ],
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
      const { firedMs, resolvedMs } = bounds(fault)
      const found = alertOf(fault, alerts)
      expect(found.map(({ state }) => state)).toEqual(['resolved'])
      const [alert] = found
      expect(Number(alert?.firedMs) - Number(beganMs.get(fault))).toBeLessThan(firedMs)
      expect(Number(alert?.resolvedMs) - Number(endedMs.get(fault))).toBeLessThan(resolvedMs)
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
}

/** What it took, for people. */
function report(): void {
  const seconds = (fromMs: number | undefined, toMs: number | null | undefined): string =>
    `${((Number(toMs) - Number(fromMs)) / 1_000).toFixed(0).padStart(5)} s`
  for (const fault of faults) {
    const [alert] = alertOf(fault, alerts)
    const { firedMs, resolvedMs } = bounds(fault)
    console.log(
      `${fault.rule.padEnd(24)} fired after ${seconds(beganMs.get(fault), alert?.firedMs)} of ${seconds(0, firedMs)}, over after ${seconds(endedMs.get(fault), alert?.resolvedMs)} of ${seconds(0, resolvedMs)}`,
    )
  }
}

/** Between two tries to reach a server. */
const pauseMs = 12_500
const down: Fault = { rule: 'ServerDown' }

async function stopAndStart(server: EmbeddedNode | undefined, name: string): Promise<void> {
  const heard = (): readonly string[] => paged.told.filter((one) => one.endsWith(` ServerDown ${name}`))
  expect(heard()).toEqual([])
  await server?.stop('fast')
  await waitUntil(() => heard().length > 0, {
    what: 'that it does not answer',
    timeoutMs: bounds(down).firedMs + pauseMs,
  })
  await server?.start()
  const isOver = async (): Promise<boolean> => {
    const stored = await readAlerts(world.db).catch(() => [])
    return stored.some(({ rule, node, state: now }) => rule === 'ServerDown' && node === name && now === 'resolved')
  }
  await waitUntil(isOver, { what: 'that it answers', timeoutMs: bounds(down).resolvedMs + pauseMs })
  const logged = (): readonly string[] => told.filter((one) => one.endsWith(` ServerDown ${name}`))
  await waitUntil(() => heard().length > 1 && logged().length > 1, {
    what: 'that this is told',
    timeoutMs: boundMs,
  })
  expect(heard()).toEqual([`fired ServerDown ${name}`, `resolved ServerDown ${name}`])
  expect(logged()).toEqual(heard())
  expect((await readAlerts(world.db)).filter(({ rule, node }) => rule === 'ServerDown' && node === name)).toHaveLength(
    1,
  )
}
