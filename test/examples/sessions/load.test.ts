// A load of what phones and pages ask, for a few seconds: every request is answered as it should be, what was written is there, no wallet is in
// two sessions, and nothing is left over.

import { randomUUID } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import { scaled } from '../../support/property.ts'
import { runLoad } from '../support/load.ts'
import { askAs, signInAll, type SignedIn } from './people.ts'
import { ask, useService } from './service-support.ts'

const served = useService()
let people: readonly SignedIn[] = []

beforeAll(async () => {
  people = await signInAll(
    served(),
    Array.from({ length: 10 }, (_, n) => `loaded ${n}`),
  )
})

function personOf(round: number): SignedIn {
  const person = people[round % people.length]
  if (person === undefined) throw new Error('Nobody has signed in')
  return person
}

const eventsOfBatch = 5

function batch(): object {
  const at = new Date().toISOString()
  return {
    events: Array.from({ length: eventsOfBatch }, () => ({
      event_id: randomUUID(),
      at,
      kind: 'latency',
      payload: { ms: 12 },
    })),
  }
}

test('an open-loop load has no errors, and leaves nothing behind', async () => {
  const requests = scaled(300)
  const on = served()
  /** How often each comes is as it stands here. */
  const mix = [
    (round: number) => askAs(personOf(round), '/auth/session'),
    (round: number) => askAs(personOf(round), `/users/${personOf(round + 1).address}`),
    (round: number) => askAs(personOf(round), '/sessions/match', { method: 'POST' }),
    (round: number) => askAs(personOf(round), '/sessions/current'),
    (round: number) => askAs(personOf(round), '/sessions?limit=10'),
    (round: number) => askAs(personOf(round), `/balances/${personOf(round + 2).address}`),
    (round: number) => askAs(personOf(round), '/telemetry', { body: batch() }),
    (round: number) => askAs(personOf(round), '/users?prefix=0x'),
    (round: number) => ask(on, '/auth/nonce', { body: { address: personOf(round).address } }),
    (round: number) => askAs(personOf(round), '/users/me', { method: 'PATCH', body: { bio: `round ${round}` } }),
  ]
  const check = async (): Promise<void> => {
    const { rows } = await on.strata.pool.query<{ events: number; sessions: number; wallets: number }>(
      `select
         (select count(*)::int from telemetry_events) as events,
         count(*)::int as sessions,
         count(distinct address)::int as wallets
       from sessions
       cross join lateral (values (a_addr), (b_addr)) as of (address)
       where status in ('waiting', 'active')
         and address is not null`,
      [],
    )
    expect(rows[0]).toEqual({ events: (requests / mix.length) * eventsOfBatch, sessions: 10, wallets: 10 })
  }
  const streams = people.map(({ token }) => ({ cookie: `sessions_token=${token}` }))
  const own = (person: SignedIn) => ({ table: 'sessions', where: { a_addr: person.address } })
  await runLoad(on, { requests, mix, streams: streams.slice(0, 1), topic: own(personOf(0)), check })
})
