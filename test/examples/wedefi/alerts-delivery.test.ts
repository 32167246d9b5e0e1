// What becomes of an event that is to be told: at least once, under one key, by one deliverer at a time, and not for ever.

import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { deliverEvents } from '../../../examples/wedefi/src/alerts/deliver.ts'
import { acknowledge, mostAttempts, refuse, takeEvents } from '../../../examples/wedefi/src/alerts/outbox.ts'
import { createWebhook, signatureOf, type Send } from '../../../examples/wedefi/src/alerts/sender.ts'
import { sql } from '../../../src/sql/sql.ts'
import { transaction } from '../../../src/db/transaction.ts'
import { waitUntil } from '../../support/wait.ts'
import { addAlert, outcomeOf } from './alerts-support.ts'
import { openReceiver } from './receiver.ts'
import { addPrices, addTokens, useRiskDatabase } from './risk-support.ts'

const risk = useRiskDatabase()
let alertId = ''

beforeEach(async () => {
  const { db } = risk()
  await db.query(sql`delete from "Alert"`)
  await addTokens(db, ['told'])
  alertId = await addAlert(db, { token: 'told', threshold: '10.5', rearm: 9 })
})

async function addEvents(count: number): Promise<void> {
  await risk().db.query(sql`
    insert into "AlertEvent" ("alertId", episode, value, "at")
    select ${alertId}::bigint, n, 10 + n, '2026-11-01 12:00:00Z'
    from generate_series(1, ${count}::integer) as n`)
}

interface Outboxed {
  readonly episode: number
  readonly attempts: number
  readonly isDelivered: boolean
  readonly isGivenUp: boolean
  readonly failure: string | null
  /** Until the next attempt. */
  readonly waitMs: number
}

async function readOutbox(): Promise<readonly Outboxed[]> {
  const { rows } = await risk().db.query<Outboxed>(sql`
    select episode, attempts, failure,
      "deliveredAt" is not null as "isDelivered",
      "failedAt" is not null as "isGivenUp",
      (extract(epoch from "nextAttemptAt" - now()) * 1000)::float8 as "waitMs"
    from "AlertEvent"
    order by episode`)
  return rows
}

/** As if its time had come. */
async function makeDue(): Promise<void> {
  await risk().db.query(sql`update "AlertEvent" set "nextAttemptAt" = now() where "deliveredAt" is null`)
}

const key = (episode: number): string => `wedefi-alert-${alertId}-${episode}`

test('an event is posted with its key and a signature, and once it is acknowledged never again', async () => {
  const { db } = risk()
  const receiver = await openReceiver()
  await addEvents(2)
  const send = createWebhook({ url: receiver.url, secret: 'a secret of both' })
  expect(await deliverEvents(db, { send })).toEqual({ delivered: 2, failed: 0, givenUp: 0 })
  expect(await deliverEvents(db, { send })).toEqual({ delivered: 0, failed: 0, givenUp: 0 })
  expect(receiver.received.map((one) => one.key).toSorted()).toEqual([key(1), key(2)])
  const first = receiver.received.find((one) => one.key === key(1))
  expect(JSON.parse(first?.body ?? '')).toEqual({
    key: key(1),
    alertId,
    episode: 1,
    value: '11',
    at: '2026-11-01T12:00:00.000Z',
    kind: 'price',
    metric: 'priceUsd',
    direction: 'above',
    threshold: '10.5',
    tokenId: 'told',
    walletId: null,
  })
  const signed = `${key(1)}.${String(first?.headers['webhook-timestamp'])}.${first?.body ?? ''}`
  expect(first?.headers['webhook-signature']).toBe(signatureOf('a secret of both', signed))
  expect(signatureOf('another secret', signed)).not.toBe(first?.headers['webhook-signature'])
})

test('a receiver that fails is asked again after a wait, and what it says for good is final', async () => {
  const { db } = risk()
  const receiver = await openReceiver()
  await addEvents(3)
  const statuses: Readonly<Record<string, number>> = { [key(1)]: 503, [key(2)]: 410, [key(3)]: 302 }
  receiver.answer = (one, response) => {
    const status = statuses[one.key] ?? 204
    response.writeHead(status, status === 302 ? { location: '/elsewhere' } : {}).end('not for the log')
  }
  const send = createWebhook({ url: receiver.url })
  expect(await deliverEvents(db, { send })).toEqual({ delivered: 0, failed: 1, givenUp: 2 })
  const [first, second, third] = await readOutbox()
  expect(first).toMatchObject({ attempts: 1, isDelivered: false, isGivenUp: false, failure: 'HTTP 503' })
  expect(first?.waitMs).toBeGreaterThan(1_000)
  expect(first?.waitMs).toBeLessThanOrEqual(5_000)
  expect([second, third]).toMatchObject([
    { isGivenUp: true, failure: 'HTTP 410' },
    { isGivenUp: true, failure: 'HTTP 302' },
  ])
  // Before its time nothing is sent.
  expect(await deliverEvents(db, { send })).toEqual({ delivered: 0, failed: 0, givenUp: 0 })
  expect(receiver.received).toHaveLength(3)
  receiver.answer = (_, response) => void response.writeHead(200).end()
  await db.query(sql`update "AlertEvent" set "nextAttemptAt" = now() where episode = 1`)
  expect(await deliverEvents(db, { send })).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
  expect((await readOutbox())[0]).toMatchObject({ attempts: 2, isDelivered: true, isGivenUp: false, failure: null })
})

test('attempts are bounded, and waits grow', async () => {
  const { db } = risk()
  await addEvents(1)
  const send: Send = async () => await Promise.resolve({ isTaken: false, failure: 'HTTP 500', isFinal: false })
  const waits: number[] = []
  for (let attempt = 1; attempt < mostAttempts; attempt++) {
    await makeDue()
    expect(await deliverEvents(db, { send })).toEqual({ delivered: 0, failed: 1, givenUp: 0 })
    waits.push((await readOutbox())[0]?.waitMs ?? 0)
  }
  expect(waits.slice(1).every((wait, index) => wait > (waits[index] ?? 0))).toBe(true)
  await makeDue()
  expect(await deliverEvents(db, { send })).toEqual({ delivered: 0, failed: 0, givenUp: 1 })
  expect((await readOutbox())[0]).toMatchObject({ attempts: mostAttempts, isGivenUp: true, failure: 'HTTP 500' })
  await makeDue()
  expect(await deliverEvents(db, { send })).toEqual({ delivered: 0, failed: 0, givenUp: 0 })
})

test('a receiver that takes it and dies before it answers gets it again, under the same key', async () => {
  const { db } = risk()
  const receiver = await openReceiver()
  await addEvents(1)
  receiver.answer = (_, response) => void response.socket?.destroy()
  const send = createWebhook({ url: receiver.url })
  expect(await deliverEvents(db, { send })).toEqual({ delivered: 0, failed: 1, givenUp: 0 })
  expect((await readOutbox())[0]?.failure).toMatch(/^no answer: /)
  receiver.answer = (_, response) => void response.writeHead(204).end()
  await makeDue()
  expect(await deliverEvents(db, { send })).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
  expect(receiver.received.map((one) => one.key)).toEqual([key(1), key(1)])
  expect(receiver.received[0]?.body).toBe(receiver.received[1]?.body)
})

test('a receiver that never answers holds an attempt for its time, and others are told meanwhile', async () => {
  const { db } = risk()
  const receiver = await openReceiver()
  await addEvents(3)
  receiver.answer = (one, response) => {
    if (one.key !== key(2)) response.writeHead(204).end()
  }
  const send = createWebhook({ url: receiver.url })
  expect(await deliverEvents(db, { send, timeoutMs: 300 })).toEqual({ delivered: 2, failed: 1, givenUp: 0 })
  expect((await readOutbox()).map(({ isDelivered, failure }) => [isDelivered, failure])).toEqual([
    [true, null],
    [false, 'no answer in time'],
    [true, null],
  ])
})

test('a deliverer that is lost between delivery and acknowledgement: it comes again when the lease is over, not before', async () => {
  const { db } = risk()
  const receiver = await openReceiver()
  await addEvents(1)
  const send = createWebhook({ url: receiver.url })
  const lost = await takeEvents(db, { limit: 8, leaseMs: 60_000 })
  expect(lost.events).toHaveLength(1)
  expect(await deliverEvents(db, { send })).toEqual({ delivered: 0, failed: 0, givenUp: 0 })
  expect(receiver.received).toEqual([])
  await makeDue()
  expect(await deliverEvents(db, { send })).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
  // What the first one still has to say changes nothing.
  const [event] = lost.events
  if (event === undefined) throw new Error('It was taken')
  await refuse(db, event, { failure: 'HTTP 500', isFinal: true })
  await acknowledge(db, event)
  expect((await readOutbox())[0]).toMatchObject({ attempts: 2, isDelivered: true, isGivenUp: false, failure: null })
})

test('one whose deliverers are lost again and again is given up', async () => {
  const { db } = risk()
  await addEvents(1)
  for (let attempt = 1; attempt <= mostAttempts; attempt++) {
    expect((await takeEvents(db, { limit: 8, leaseMs: 0 })).events[0]?.attempt).toBe(attempt)
  }
  expect(await takeEvents(db, { limit: 8, leaseMs: 0 })).toEqual({ events: [], lost: 1 })
  expect((await readOutbox())[0]).toMatchObject({ isGivenUp: true, failure: 'no word of the last attempt' })
})

test('a word of an earlier attempt does not touch a later one', async () => {
  const { db } = risk()
  await addEvents(1)
  const [first] = (await takeEvents(db, { limit: 1, leaseMs: 0 })).events
  const [second] = (await takeEvents(db, { limit: 1, leaseMs: 60_000 })).events
  if (first === undefined || second === undefined) throw new Error('It was taken twice')
  expect(await refuse(db, first, { failure: 'HTTP 410', isFinal: true })).toEqual({ isGivenUp: false })
  expect((await readOutbox())[0]).toMatchObject({ attempts: 2, isGivenUp: false, failure: null })
  await acknowledge(db, first)
  expect((await readOutbox())[0]).toMatchObject({ isDelivered: true })
})

test('what somebody is taking is passed over, and two deliverers share the rest', async () => {
  const { db } = risk()
  const receiver = await openReceiver()
  await addEvents(30)
  let letGo = (): void => undefined
  const released = new Promise<void>((resolve) => (letGo = resolve))
  let taken = (): void => undefined
  const isTaken = new Promise<void>((resolve) => (taken = resolve))
  const holding = transaction(db, async (tx) => {
    expect((await takeEvents(tx, { limit: 5, leaseMs: 60_000 })).events).toHaveLength(5)
    taken()
    await released
    throw new Error('killed')
  })
  const ended = outcomeOf(holding)
  await isTaken
  const send = createWebhook({ url: receiver.url })
  const both = await Promise.all([deliverEvents(db, { send, atOnce: 4 }), deliverEvents(db, { send, atOnce: 4 })])
  expect(both.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(25)
  letGo()
  expect(await ended).toBe('killed')
  // Taken in a transaction that never was: at once there again.
  expect(await deliverEvents(db, { send })).toEqual({ delivered: 5, failed: 0, givenUp: 0 })
  expect(receiver.received).toHaveLength(30)
  expect(new Set(receiver.received.map((one) => one.key)).size).toBe(30)
})

test('an acknowledgement that fails holds up no other, and is told', async () => {
  const { db } = risk()
  await addEvents(3)
  let failedId = ''
  const failing: typeof db = {
    ...db,
    query: async (statement) => {
      if (statement.text.includes('set "deliveredAt"') && statement.values[0] === failedId) throw new Error('cut off')
      return await db.query(statement)
    },
  }
  const send: Send = async ({ episode }) => {
    if (episode === 2) {
      const { rows } = await db.query<{ id: string }>(sql`select id::text from "AlertEvent" where episode = 2`)
      failedId = rows[0]?.id ?? ''
    }
    return { isTaken: true }
  }
  await expect(deliverEvents(failing, { send })).rejects.toThrow('cut off')
  expect((await readOutbox()).map(({ isDelivered }) => isDelivered)).toEqual([true, false, true])
  await makeDue()
  expect(await deliverEvents(db, { send })).toEqual({ delivered: 1, failed: 0, givenUp: 0 })
})

test('once it is to stop, nothing more is taken, and what is under way ends as failed', async () => {
  const { db } = risk()
  const receiver = await openReceiver()
  await addEvents(1)
  receiver.answer = () => undefined
  const stopping = new AbortController()
  const delivering = deliverEvents(db, { send: createWebhook({ url: receiver.url }), signal: stopping.signal })
  await waitUntil(() => receiver.received.length === 1, { what: 'it is under way' })
  stopping.abort()
  expect(await delivering).toEqual({ delivered: 0, failed: 1, givenUp: 0 })
  expect(await deliverEvents(db, { send: createWebhook({ url: receiver.url }), signal: stopping.signal })).toEqual({
    delivered: 0,
    failed: 0,
    givenUp: 0,
  })
})

test('both are jobs of the configuration: an event that one makes the other one posts', async () => {
  const { db, strata } = risk()
  const receiver = await openReceiver()
  vi.stubEnv('WEDEFI_ALERT_WEBHOOK', receiver.url)
  vi.stubEnv('WEDEFI_ALERT_SECRET', 'a secret of both')
  onTestFinished(() => void vi.unstubAllEnvs())
  await addPrices(db, [{ token: 'told', atMs: Date.now() - 60_000, price: '11' }])
  expect(await strata.jobs.runNow('alerts')).toMatchObject({ state: 'done', did: '1 fired, 0 armed again' })
  expect(await strata.jobs.runNow('deliveries')).toMatchObject({
    state: 'done',
    did: '1 told, 0 to be told again',
    warnings: [],
  })
  expect(receiver.received.map((one) => one.key)).toEqual([key(1)])
  expect(receiver.received[0]?.headers['webhook-signature']).toMatch(/^v1,/)
  expect(await strata.jobs.runNow('alerts')).toMatchObject({ state: 'done', did: '' })
  expect(await strata.jobs.runNow('deliveries')).toMatchObject({ state: 'done', did: '' })
})

test('an address that is none is refused by the name of its variable', async () => {
  vi.stubEnv('WEDEFI_ALERT_WEBHOOK', 'ftp://somewhere')
  onTestFinished(() => void vi.unstubAllEnvs())
  const report = await risk().strata.jobs.runNow('deliveries')
  expect(report.state).toBe('failed')
  expect(report.failure).toContain('WEDEFI_ALERT_WEBHOOK')
  expect(report.failure).not.toContain('somewhere')
})
