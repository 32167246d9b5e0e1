// Processes that evaluate and deliver, killed with SIGKILL in the middle of it while prices go on coming: one event for each episode of a plain
// state machine, in its order, and each is told under its key.

import { spawn, type ChildProcess } from 'node:child_process'
import { expect, onTestFinished, test } from 'vitest'
import { sql } from '../../../src/sql/sql.ts'
import { seed } from '../../support/property.ts'
import { waitUntil } from '../../support/wait.ts'
import { addAlert, createMachine, readAlert, readEvents } from './alerts-support.ts'
import { openReceiver } from './receiver.ts'
import { addPrices, addTokens, hourMs, useRiskDatabase } from './risk-support.ts'

const risk = useRiskDatabase()
const names = ['killed-0', 'killed-1', 'killed-2']

async function startEvaluator(webhook: string): Promise<{ kill(): Promise<void> }> {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', 'jiti/register', 'test/examples/wedefi/alerts-process.ts', risk().url, webhook],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let [stdout, stderr] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  onTestFinished(() => void child.kill('SIGKILL'))
  const isReady = (): boolean => {
    if (child.exitCode !== null) throw new Error(`The process ended: ${stderr}`)
    return stdout.includes('ready')
  }
  await waitUntil(isReady, { what: 'the process is ready', timeoutMs: 120_000 })
  return {
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** The same values for the same seed. */
function valuesFrom(start: number): () => number {
  let state = start >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * 21)
  }
}

test('evaluators that are killed lose nothing and fire nothing twice', { timeout: 240_000 }, async () => {
  console.log(`alerts-kill: seed ${seed}`)
  const { db } = risk()
  const receiver = await openReceiver()
  await addTokens(db, names)
  const followed = await Promise.all(
    names.map(async (token, index) => {
      const definition = { direction: 'above', threshold: 12 + index, rearm: 9 } as const
      return { id: await addAlert(db, { token, ...definition }), machine: createMachine(definition) }
    }),
  )
  const next = valuesFrom(seed)
  let atMs = Date.now() - hourMs
  const writePrices = async (): Promise<void> => {
    const prices = Array.from({ length: 20 }, () =>
      names.map((token) => ({ token, atMs: (atMs += 2), value: next() })),
    ).flat()
    for (const { token, value } of prices) followed[names.indexOf(token)]?.machine.see(value)
    await addPrices(
      db,
      prices.map(({ value, ...rest }) => ({ ...rest, price: String(value) })),
    )
  }
  const countEvents = async (): Promise<number> => {
    const { rows } = await db.query<{ count: number }>(sql`select count(*)::integer as count from "AlertEvent"`)
    return rows[0]?.count ?? 0
  }
  const expected = (): number => followed.reduce((sum, { machine }) => sum + machine.fires.length, 0)

  const running = await Promise.all(Array.from({ length: 3 }, async () => await startEvaluator(receiver.url)))
  for (let round = 0; round < 2; round++) {
    const before = await countEvents()
    // Prices come while they work; one is killed as soon as some of these have fired, wherever it is by then.
    const writing = (async () => {
      for (let batch = 0; batch < 6; batch++) await writePrices()
    })()
    await waitUntil(async () => (await countEvents()) > before + round, { what: 'events of this round' })
    await running.shift()?.kill()
    await writing
  }
  await waitUntil(async () => (await countEvents()) === expected(), {
    what: 'every episode has its event',
    timeoutMs: 30_000,
  })
  for (const { id, machine } of followed) {
    const events = await readEvents(db, id)
    expect(events.map(({ episode, value }) => [episode, Number(value)])).toEqual(
      machine.fires.map((value, index) => [index + 1, value]),
    )
    expect(await readAlert(db, id)).toMatchObject({ status: machine.status, episode: machine.fires.length })
  }
  const keys = followed.flatMap(({ id, machine }) => machine.fires.map((_, index) => `wedefi-alert-${id}-${index + 1}`))
  const pending = async (): Promise<number> => {
    const { rows } = await db.query<{ count: number }>(
      sql`select count(*)::integer as count from "AlertEvent" where "deliveredAt" is null`,
    )
    return rows[0]?.count ?? 0
  }
  await waitUntil(async () => (await pending()) === 0, { what: 'every event is told', timeoutMs: 60_000 })
  expect([...new Set(receiver.received.map(({ key }) => key))].toSorted()).toEqual(keys.toSorted())
  for (const evaluator of running) await evaluator.kill()
})
