// A daemon that is killed, or stopped, while alerts fire: the next one goes on with the same alerts. None is raised twice, none is lost, and
// what was mended meanwhile is over. On PostgreSQL 18 alone: nothing of it depends on the version.

import { spawn } from 'node:child_process'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { AlertMessage } from '../../../src/watch/index.ts'
import { useDatabase } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'
import { typescript } from '../../support/typescript.ts'
import { applyWatch, run } from '../support.ts'
import type { DaemonCall } from './daemon-process.ts'
import { boundMs, connect, intervals, readAlerts } from './support.ts'

/** Of who measures: as long as nobody else takes over from who was killed, and a third. */
const leaseMs = 10_000 * (4 / 3)

/** Of a process, with all that it has to compile. */
const loadMs = 90_000

interface Daemon {
  readonly told: readonly string[]
  start(): void
  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
}

/** Loaded, and waiting for a word. */
async function loadDaemon(call: DaemonCall): Promise<Daemon> {
  const child = spawn(
    process.execPath,
    ['--import', typescript, 'test/watch/faults/daemon-process.ts', JSON.stringify(call)],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  const told: string[] = []
  let isLoaded = false
  let rest = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    isLoaded ||= lines.includes('loaded')
    for (const line of lines.filter((one) => one.startsWith('{'))) {
      const { event, alerts } = JSON.parse(line) as AlertMessage
      told.push(...alerts.map(({ rule }) => `${event} ${rule}`))
    }
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  await waitUntil(() => isLoaded, { what: 'a daemon', timeoutMs: loadMs })
  return {
    told,
    start: () => void child.stdin?.write('go\n'),
    end: async (signal) => {
      child.kill(signal)
      await ended
    },
  }
}

const ownRules = {
  Fought: { metric: 'pgstrata_blocked_sessions', over: 0, for: '1s', keep: '1s' },
  Used: { metric: 'pgstrata_sequence_used_ratio', over: '70%', for: '1s', keep: '1s' },
}

const config = {
  watch: { every: intervals },
  alerts: {
    every: '1s',
    group: '0s',
    // A run that its daemon took along is told of as well, where it had one at hand: that is not what is looked at here.
    rules: { ...ownRules, SequenceNearlyUsed: false, SequenceExhausted: false, JobFailing: false },
  },
}

describe.each(['SIGKILL', 'SIGTERM'] as const)('a daemon that ends by %s while alerts fire', (signal) => {
  const database = useDatabase(18, async ({ url }) => await applyWatch(url))

  beforeAll(async () => {
    await run(database().db, 'create sequence few_numbers maxvalue 100', 'create table fought_over as select 1 as id')
  })

  test('is followed by one that goes on with them, and ends what is over', async () => {
    const { db, url } = database()
    const state = async (): Promise<readonly string[]> =>
      (await readAlerts(db)).map(({ rule, state: now }) => `${rule} ${now}`).toSorted()
    const [first, second] = await Promise.all([loadDaemon({ url, config }), loadDaemon({ url, config })])
    first.start()
    const lock = 'select from fought_over for update'
    const holder = await connect(url, 'begin', lock)
    const waiter = await connect(url)
    const waiting = waiter.query(lock).catch(() => undefined)
    await run(db, `select setval('few_numbers', 80)`)
    const isTold = async (): Promise<boolean> => {
      const actions = (await readAlerts(db)).flatMap((alert) => alert.actions)
      return actions.length === 2 && actions.every((one) => one === 'fired log done')
    }
    await waitUntil(isTold, { what: 'both alerts', timeoutMs: leaseMs + boundMs })
    expect(await state()).toEqual(['Fought firing', 'Used firing'])
    const before = await readAlerts(db)
    await first.end(signal)
    // One is mended while nobody looks.
    await run(db, `select setval('few_numbers', 1)`)
    second.start()
    await waitUntil(() => second.told.length > 0, {
      what: 'the end of one',
      timeoutMs: leaseMs + boundMs,
    })
    expect(second.told).toEqual(['resolved Used'])
    expect(await state()).toEqual(['Fought firing', 'Used resolved'])
    await holder.end()
    await waiting
    await waiter.end()
    await waitUntil(() => second.told.length > 1, { what: 'the end of the other', timeoutMs: boundMs })
    expect([...first.told.toSorted(), ...second.told]).toEqual([
      'fired Fought',
      'fired Used',
      'resolved Used',
      'resolved Fought',
    ])
    const areDone = async (): Promise<boolean> =>
      (await readAlerts(db)).every(({ actions }) => actions.every((one) => one.endsWith(' done')))
    await waitUntil(areDone, { what: 'that it is noted' })
    const after = await readAlerts(db)
    expect(after.map(({ id, firedMs }) => ({ id, firedMs }))).toEqual(
      before.map(({ id, firedMs }) => ({ id, firedMs })),
    )
    expect(after.flatMap(({ actions }) => actions)).toEqual(
      [1, 2].flatMap(() => ['fired log done', 'resolved log done']),
    )
    await second.end('SIGTERM')
  }, 240_000)
})
