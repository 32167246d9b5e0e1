// Batches of events: each is stored once however often it comes and however many send it at once, what is refused is told with its place
// and its reason and keeps nothing else out, and whatever a client sends is no error of the service.

import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { sql } from 'pgstrata'
import { checkEvents, mostPayloadBytes, newestMs, oldestMs } from '../../../examples/sessions/src/telemetry/check.ts'
import { kinds } from '../../../examples/sessions/src/telemetry/kinds.ts'
import { checkProperty } from '../../support/property.ts'
import { addMeeting, askAs, signIn, waitForBlocked, whileLocked, type SignedIn } from './people.ts'
import { ask, useService, type Answer } from './service-support.ts'

const served = useService()
let ada: SignedIn
let bob: SignedIn
beforeAll(async () => {
  ada = await signIn(served(), 'ada')
  bob = await signIn(served(), 'bob')
})

interface Event {
  readonly event_id: string
  readonly at: string
  readonly kind: string
  readonly session_id?: unknown
  readonly payload?: unknown
}

const event = (more: Partial<Event> = {}): Event => ({
  event_id: randomUUID(),
  at: new Date().toISOString(),
  kind: 'latency',
  payload: { ms: 40, tags: ['web'] },
  ...more,
})

const send = (events: readonly unknown[], as?: SignedIn): Promise<Answer> =>
  as === undefined ? ask(served(), '/telemetry', { body: { events } }) : askAs(as, '/telemetry', { body: { events } })

const ids = (events: readonly Event[]): readonly string[] => events.map(({ event_id }) => event_id)

async function storedOf(events: readonly Event[]): Promise<readonly Record<string, unknown>[]> {
  const { rows } = await served().strata.query(
    'select event_id, created_at, address, session_id, kind, payload from telemetry_events where event_id = any ($1::uuid[]) order by event_id',
    [ids(events)],
  )
  return rows
}

describe('a batch', () => {
  test('is stored as it was told, of whom it was told', async () => {
    const session_id = await addMeeting(served().strata, { a: ada.address, b: bob.address })
    const told = event({ session_id: Number(session_id), payload: { deep: { '🦩': [1, null, 'é'] } } })
    expect((await send([told], ada)).body).toEqual({ stored: 1, repeated: 0, refused: [] })
    expect(await storedOf([told])).toEqual([
      {
        event_id: told.event_id,
        created_at: new Date(told.at),
        address: ada.address,
        session_id,
        kind: 'latency',
        payload: told.payload,
      },
    ])
    const nobodys = event()
    await send([nobodys])
    expect(await storedOf([nobodys])).toMatchObject([{ address: null, session_id: null }])
  })

  test('of five hundred is stored whole, and of more refused whole', async () => {
    const events = Array.from({ length: 501 }, () => event())
    expect((await send(events)).body.error?.code).toBe('BAD_INPUT')
    expect(await storedOf(events)).toEqual([])
    expect((await send(events.slice(1))).body).toMatchObject({ stored: 500 })
  })

  test('that comes again stores nothing again, also in part, also changed, also twice in itself', async () => {
    const events = Array.from({ length: 10 }, () => event())
    expect((await send(events, ada)).body).toMatchObject({ stored: 10, repeated: 0 })
    expect((await send(events, ada)).body).toMatchObject({ stored: 0, repeated: 10 })
    const fresh = event()
    const changed = events.map((one) => ({ ...one, event_id: one.event_id.toUpperCase(), kind: 'error' }))
    expect((await send([...changed, fresh, fresh], bob)).body).toMatchObject({ stored: 1, repeated: 11 })
    expect(new Set((await storedOf(events)).map(({ kind, address }) => `${String(kind)} ${String(address)}`))).toEqual(
      new Set([`latency ${ada.address}`]),
    )
  })

  test('that several send at once, in any order, is stored once, and nobody waits in a circle', async () => {
    const events = Array.from({ length: 200 }, () => event())
    const { db } = served().database
    // Somebody has begun to store one of the first: all others come to wait for it.
    const [first = ''] = [...ids(events)].toSorted()
    const { at } = events.find(({ event_id }) => event_id === first) ?? event()
    const lock = sql`insert into telemetry_events (event_id, created_at, kind) values (${first}::uuid, ${at}::timestamptz, 'error')`
    const under = await whileLocked(db, lock, async () => {
      const asked = [events, events.toReversed(), events.toSorted(), events].map((batch) => send(batch))
      await waitForBlocked(db, 4)
      return { asked }
    })
    const answers = (await Promise.all(under.asked)).map(({ body }) => body as unknown as { stored: number })
    expect(answers.reduce((sum, { stored }) => sum + stored, 0)).toBe(200)
    expect(await storedOf(events)).toHaveLength(200)
  })

  test('is told which of its events was refused, and why; the others are stored', async () => {
    const now = Date.now()
    const carl = await signIn(served(), 'carl')
    const foreign = await addMeeting(served().strata, { a: bob.address, b: carl.address })
    const wrong: readonly (readonly [unknown, string])[] = [
      [7, 'event'],
      [null, 'event'],
      [{ ...event(), more: 1 }, 'event'],
      [event({ event_id: 'one' }), 'event_id'],
      [event({ at: 'now' }), 'at'],
      [event({ at: '2026-02-30T00:00:00' }), 'at'],
      [event({ at: new Date(now - oldestMs - 60_000).toISOString() }), 'at'],
      [event({ at: new Date(now + newestMs + 60_000).toISOString() }), 'at'],
      [event({ kind: 'gossip' }), 'kind'],
      [event({ session_id: -1 }), 'session_id'],
      [event({ session_id: '999999' }), 'session_id'],
      [event({ session_id: foreign }), 'session_id'],
      [event({ payload: [] }), 'payload'],
      [event({ payload: { text: 'a'.repeat(mostPayloadBytes) } }), 'payload'],
      [event({ payload: { text: 'a\0b' } }), 'payload'],
      [event({ payload: { '\ud800': 1 } }), 'payload'],
      [event({ payload: { a: { b: { c: { d: { e: { f: { g: 1 } } } } } } } }), 'payload'],
    ]
    const good = [event(), event()]
    const { status, body } = await send([good[0], ...wrong.map(([one]) => one), good[1]], ada)
    expect(status).toBe(200)
    const refused = body['refused'] as { index: number; where: string; expected: string }[]
    expect(refused.map(({ index, where }) => [index, where])).toEqual(
      wrong.map(([, where], index) => [index + 1, where]),
    )
    expect(refused.every(({ expected }) => expected.length > 5)).toBe(true)
    expect([body['stored'], (await storedOf(good)).length]).toEqual([2, 2])
  })

  test.each([[{}], [{ events: [] }], [{ events: 5, more: 1 }], [[]]])('%j is no batch', async (body) => {
    expect((await ask(served(), '/telemetry', { body })).status).toBe(400)
  })

  test('that is too large is refused before it is read', async () => {
    const payload = { text: 'a'.repeat(4_000) }
    const { status, body } = await send(Array.from({ length: 200 }, () => event({ payload })))
    expect([status, body.error?.code]).toEqual([413, 'BODY_TOO_LARGE'])
  })
})

test('whatever comes is taken or refused, in its place, and what is taken can be stored', async () => {
  const wild = fc.oneof(
    fc.anything(),
    fc.record(
      {
        event_id: fc.oneof(fc.uuid(), fc.string()),
        at: fc.oneof(
          fc
            .date({ min: new Date(Date.now() - oldestMs / 2), max: new Date(), noInvalidDate: true })
            .map((date) => date.toISOString()),
          fc.string(),
        ),
        kind: fc.oneof(fc.constantFrom(...kinds), fc.string()),
        payload: fc.oneof(
          fc.object({ maxDepth: 3, values: [fc.string({ unit: 'binary' }), fc.integer(), fc.boolean()] }),
          fc.anything(),
        ),
      },
      { requiredKeys: ['event_id', 'at', 'kind'] },
    ),
  )
  await checkProperty(
    'batches',
    fc.array(wild, { minLength: 1, maxLength: 20 }),
    async (events) => {
      const sent = JSON.parse(JSON.stringify(events)) as unknown[]
      const { taken, refused } = checkEvents(sent, { now: new Date() })
      const places = [...taken, ...refused].map(({ index }) => index).toSorted((a, b) => a - b)
      expect(places).toEqual(sent.map((_, index) => index))
      const { status, body } = await send(sent)
      // A key that would change an object of the program is refused with its batch.
      if (status === 400) return
      expect([status, body['refused']]).toEqual([200, refused])
      expect(Number(body['stored']) + Number(body['repeated'])).toBe(taken.length)
    },
    { runs: 40 },
  )
})

test('an event lies in the month of its time, and hours of telemetry are counted', async () => {
  const events = [event({ kind: 'page_view' }), event({ kind: 'page_view' })]
  await send(events)
  const { rows } = await served().strata.query<{ partition: string; month: string }>(
    `select distinct tableoid::regclass::text as partition, to_char(created_at at time zone 'UTC', 'YYYY_MM') as month
     from telemetry_events
     where event_id = any ($1::uuid[])`,
    [ids(events)],
  )
  for (const { partition, month } of rows) expect(partition).toContain(month)
  const counted = await served().strata.query<{ n: number }>(
    "select sum(events)::int as n from telemetry_hourly where kind = 'page_view'",
    [],
  )
  const { rows: truth } = await served().strata.query(
    "select count(*)::int as n from telemetry_events where kind = 'page_view'",
    [],
  )
  expect(counted.rows).toEqual(truth)
})

test('nothing went wrong that nobody expected', () => {
  expect(served().lines).toEqual([])
})
