// Forced interleavings: whatever comes between an alert and its event, there is one event for each episode, and none is lost.

import { expect, onTestFinished, test } from 'vitest'
import { evaluateAlerts } from '../../../examples/wedefi/src/alerts/evaluate.ts'
import type { Queryable } from '../../../src/db/db.ts'
import { openDb } from '../../../src/db/pg-db.ts'
import { transaction } from '../../../src/db/transaction.ts'
import { sql } from '../../../src/sql/sql.ts'
import { startTcpProxy, throughPort } from '../../support/tcp-proxy.ts'
import { waitUntil } from '../../support/wait.ts'
import { addAlert, outcomeOf, readAlert, readEvents } from './alerts-support.ts'
import { addPrices, addTokens, hourMs, useRiskDatabase } from './risk-support.ts'

const risk = useRiskDatabase()
const beganMs: number = Date.now() - 2 * hourMs
let tokens = 0

interface Prepared {
  readonly token: string
  readonly id: string
  readonly price: (second: number, value: number) => Promise<void>
}

/** Fires above 10, and is armed again at 8. Other alerts are gone. */
async function prepare(): Promise<Prepared> {
  const { db } = risk()
  await db.query(sql`delete from "Alert"`)
  const token = `raced-${++tokens}`
  await addTokens(db, [token])
  const id = await addAlert(db, { token, threshold: 10, rearm: 8 })
  return {
    token,
    id,
    price: async (second, value) =>
      await addPrices(db, [{ token, atMs: beganMs + second * 1_000, price: String(value) }]),
  }
}

async function expectOnce(id: string, value = '12'): Promise<void> {
  const { db } = risk()
  expect((await readEvents(db, id)).map((event) => [event.episode, event.value])).toEqual([[1, value]])
  expect(await readAlert(db, id)).toMatchObject({ status: 'fired', episode: 1 })
}

/** Sessions that wait for somebody's lock. */
async function waiting(): Promise<number> {
  const { rows } = await risk().db.query<{ count: number }>(sql`
    select count(*)::integer as count
    from pg_stat_activity
    where datname = current_database()
      and wait_event_type = 'Lock'`)
  return rows[0]?.count ?? 0
}

/** Holds the row of an alert until it is let go. */
async function holdAlert(id: string): Promise<() => Promise<void>> {
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  let held = (): void => undefined
  const holding = new Promise<void>((resolve) => (held = resolve))
  const done = transaction(risk().db, async (tx) => {
    await tx.query(sql`select from "Alert" where id = ${id} for update`)
    held()
    await released
  })
  await holding
  return async () => {
    release()
    await done
  }
}

test('two evaluators that began before either could fire: one event', async () => {
  const { db } = risk()
  const { id, price } = await prepare()
  await price(1, 12)
  const letGo = await holdAlert(id)
  // Both have begun while the alert is armed, and wait for its row.
  const both = [evaluateAlerts(db, { kinds: ['price'] }), evaluateAlerts(db, { kinds: ['price'] })]
  await waitUntil(async () => (await waiting()) === 2, { what: 'both wait for the alert' })
  await letGo()
  const counts = await Promise.all(both)
  expect(counts.map(({ fired }) => fired).toSorted()).toEqual([0, 1])
  await expectOnce(id)
})

test('the second evaluator waits for the first, which fails, and fires in its place', async () => {
  const { db } = risk()
  const { id, price } = await prepare()
  await price(1, 12)
  let fail = (): void => undefined
  const failing = new Promise<void>((resolve) => (fail = resolve))
  let hasFired = (): void => undefined
  const fired = new Promise<void>((resolve) => (hasFired = resolve))
  const first = evaluateAlerts(db, {
    kinds: ['price'],
    confirm: async () => {
      hasFired()
      await failing
      throw new Error('the lease is lost')
    },
  })
  const ended = outcomeOf(first)
  await fired
  const second = evaluateAlerts(db, { kinds: ['price'] })
  await waitUntil(async () => (await waiting()) === 1, { what: 'the second waits for the first' })
  expect(await readEvents(db, id)).toEqual([])
  fail()
  expect(await ended).toBe('the lease is lost')
  expect(await second).toMatchObject({ fired: 1 })
  await expectOnce(id)
})

test('an evaluator whose session is ended between its event and its commit leaves nothing, and the next one fires', async () => {
  const { db } = risk()
  const { id, price } = await prepare()
  await price(1, 12)
  const cut = evaluateAlerts(db, {
    kinds: ['price'],
    confirm: async (tx: Queryable) => {
      const { rows } = await tx.query<{ pid: number }>(sql`select pg_backend_pid() as pid`)
      await db.query(sql`select pg_terminate_backend(${rows[0]?.pid ?? 0})`)
    },
  })
  expect(await outcomeOf(cut)).not.toBe('done')
  await waitUntil(async () => (await readAlert(db, id)).status === 'armed', { what: 'nothing is left of it' })
  expect(await readEvents(db, id)).toEqual([])
  expect(await evaluateAlerts(db, { kinds: ['price'] })).toMatchObject({ fired: 1 })
  await expectOnce(id)
})

test('a commit that nobody knows of, run again: one event, whether it was committed or not', async () => {
  const { db, url } = risk()
  const proxy = await startTcpProxy(() => Number(new URL(url).port))
  const through = openDb({ url: throughPort(url, proxy.port) })
  onTestFinished(async () => {
    await through.close({ now: true })
    await proxy.close()
  })
  const isCommit = (data: Buffer): boolean => data.includes('commit\0')
  for (const isCommitted of [true, false]) {
    const { id, price } = await prepare()
    await price(1, 12)
    if (isCommitted) proxy.loseAnswerWhen = isCommit
    else proxy.cutWhen = isCommit
    expect(await outcomeOf(evaluateAlerts(through, { kinds: ['price'] }))).not.toBe('done')
    proxy.loseAnswerWhen = undefined
    proxy.cutWhen = undefined
    if (isCommitted) await waitUntil(async () => (await readEvents(db, id)).length === 1, { what: 'it was committed' })
    expect(await evaluateAlerts(through, { kinds: ['price'] })).toMatchObject({ fired: isCommitted ? 0 : 1 })
    await expectOnce(id)
  }
})

test('prices that come while an evaluator waits are seen in their order, once', async () => {
  const { db } = risk()
  const { id, price } = await prepare()
  await price(1, 12)
  const letGo = await holdAlert(id)
  const first = evaluateAlerts(db, { kinds: ['price'] })
  await waitUntil(async () => (await waiting()) === 1, { what: 'it waits for the alert' })
  await price(2, 7)
  await price(3, 15)
  await letGo()
  expect(await first).toMatchObject({ fired: 2 })
  expect(await evaluateAlerts(db, { kinds: ['price'] })).toMatchObject({ fired: 0 })
  expect((await readEvents(db, id)).map(({ episode, value }) => [episode, value])).toEqual([
    [1, '12'],
    [2, '15'],
  ])
})

test('two writers whose prices overlap: the one that commits last, but within the time to settle, is not lost', async () => {
  const { db } = risk()
  const { id, token } = await prepare()
  let commit = (): void => undefined
  const committing = new Promise<void>((resolve) => (commit = resolve))
  let written = (): void => undefined
  const isWritten = new Promise<void>((resolve) => (written = resolve))
  const slow = transaction(db, async (tx) => {
    await tx.query(
      sql`insert into "PriceSnapshot" ("tokenId", "priceUsd", "recordedAt") values (${token}, 12, ${new Date(Date.now() - 5_000)})`,
    )
    written()
    await committing
  })
  await isWritten
  // Later, and there first.
  await addPrices(db, [{ token, atMs: Date.now() - 4_000, price: '7' }])
  expect(await evaluateAlerts(db, { kinds: ['price'], settleMs: 60_000 })).toMatchObject({ fired: 0 })
  commit()
  await slow
  expect(await evaluateAlerts(db, { kinds: ['price'] })).toMatchObject({ fired: 1 })
  expect((await readEvents(db, id)).map(({ value }) => value)).toEqual(['12'])
  expect(await readAlert(db, id)).toMatchObject({ status: 'armed', episode: 1 })
})

test('evaluators in opposite batches never wait in a circle', async () => {
  const { db } = risk()
  const { token } = await prepare()
  const ids: string[] = []
  for (let index = 0; index < 40; index++) ids.push(await addAlert(db, { token, threshold: 10, rearm: 8 }))
  for (let round = 0; round < 5; round++) {
    await addPrices(db, [{ token, atMs: beganMs + (10 + round) * 1_000, price: round % 2 === 0 ? '12' : '5' }])
    await Promise.all(
      [3, 40, 7, 1_000].map(async (alertsAtOnce) => await evaluateAlerts(db, { kinds: ['price'], alertsAtOnce })),
    )
  }
  for (const id of ids) expect((await readEvents(db, id)).map(({ episode }) => episode)).toEqual([1, 2, 3])
})
