// The generator: what a seed gives is the same again, keeps to the rules of the service, and has the shape of a platform in use; a database
// that has users is left alone.

import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createDemoWallets } from '../../../examples/sessions/src/demo/wallets.ts'
import { generate } from '../../../examples/sessions/src/generator/generate.ts'
import { balancesOf, noncesOf } from '../../../examples/sessions/src/generator/holdings.ts'
import { createMeetings, type Meetings } from '../../../examples/sessions/src/generator/meetings.ts'
import { createPeople, type Person } from '../../../examples/sessions/src/generator/people.ts'
import { reportsOf } from '../../../examples/sessions/src/generator/reports.ts'
import { sizesOf } from '../../../examples/sessions/src/generator/sizes.ts'
import { eventsOf } from '../../../examples/sessions/src/generator/telemetry.ts'
import { openSessions } from '../../../examples/sessions/src/strata.ts'
import { checkEvents } from '../../../examples/sessions/src/telemetry/check.ts'
import { sql } from '../../../src/sql/sql.ts'
import { testDatabase } from '../../support/postgres.ts'
import { checkProperty } from '../../support/property.ts'
import { deploySessions, testConfig } from './support.ts'

const now = new Date(Date.UTC(2026, 10, 20, 20, 37, 11))

interface World extends Meetings {
  readonly people: readonly Person[]
}

function worldOf(seed: number, scale = 0.02): World {
  const sizes = sizesOf(scale)
  const people = createPeople({ sizes, seed, now, named: createDemoWallets() })
  return { people, ...createMeetings({ people, sizes, seed, now }) }
}

function textOf(seed: number): string {
  const sizes = sizesOf(0.004)
  const people = createPeople({ sizes, seed, now, named: [] })
  const { meetings, blocks } = createMeetings({ people, sizes, seed, now })
  const rest = { people, meetings, moderators: people.slice(0, 5), sizes, seed, now }
  const rows = [...reportsOf(rest), ...eventsOf(rest), ...balancesOf(rest), ...noncesOf(rest)]
  return JSON.stringify([people, meetings, blocks, rows.map((row) => row.map(String))])
}

describe('what a seed gives', () => {
  test('the same again, and something else for another seed', () => {
    expect(textOf(7)).toBe(textOf(7))
    expect(textOf(7)).not.toBe(textOf(8))
  })

  test('nobody is in two sessions at once, meets whom he parted from, or is somewhere before he came', async () => {
    await checkProperty(
      'meetings keep to the rules',
      fc.record({ seed: fc.nat(), users: fc.integer({ min: 40, max: 400 }), days: fc.integer({ min: 1, max: 40 }) }),
      ({ seed, users, days }) => {
        const sizes = sizesOf(0.01, { users, days, sessions: 800 })
        const people = createPeople({ sizes, seed, now, named: [] })
        expectLawful({ people, ...createMeetings({ people, sizes, seed, now }) })
      },
      { runs: 15 },
    )
  })

  test('has the shape of a platform in use: a few wallets in very many sessions, evenings busier than nights', () => {
    const { people, meetings, blocks } = worldOf(3, 0.1)
    const counts = new Map<Person, number>()
    for (const { a, b } of meetings)
      for (const one of b === undefined ? [a] : [a, b]) counts.set(one, (counts.get(one) ?? 0) + 1)
    const sorted = [...counts.values()].toSorted((one, other) => other - one)
    const sum = (list: readonly number[]): number => list.reduce((total, one) => total + one, 0)
    expect(sum(sorted.slice(0, people.length / 10)) / sum(sorted)).toBeGreaterThan(0.3)
    const within = (from: number, to: number): number =>
      meetings.filter(({ createdAt }) => {
        const hour = new Date(createdAt).getUTCHours()
        return hour >= from && hour < to
      }).length
    expect(within(18, 22)).toBeGreaterThan(3 * within(1, 5))
    const ended = meetings.filter(({ status }) => status === 'ended')
    expect(ended.length / meetings.length).toBeGreaterThan(0.8)
    expect(ended.filter(({ reportedAt }) => reportedAt !== undefined).length / ended.length).toBeCloseTo(0.03, 2)
    expect(blocks.length).toBeGreaterThan(ended.length * 0.03)
    expect(new Set(meetings.map(({ status }) => status)).size).toBe(7)
  })

  test('events are such that the service would take them, but for their age', () => {
    const sizes = sizesOf(0.01)
    const people = createPeople({ sizes, seed: 9, now, named: [] })
    const { meetings } = createMeetings({ people, sizes, seed: 9, now })
    const rows = [...eventsOf({ meetings, sizes, seed: 9, now })]
    expect(rows.length).toBeGreaterThan(meetings.length)
    const given = rows.map(([event_id, , session_id, , kind, payload]) => ({
      event_id,
      at: now.toISOString(),
      session_id,
      kind,
      payload: JSON.parse(String(payload)) as unknown,
    }))
    expect(checkEvents(given, { now }).refused).toEqual([])
    expect(rows.every(([, at]) => at instanceof Date && at < now)).toBe(true)
    expect(new Set(rows.map(([id]) => id)).size).toBe(rows.length)
  })

  test('a scale that makes no sense is refused', () => {
    expect(() => sizesOf(0)).toThrow('above 0 and at most 4, got 0')
    expect(() => sizesOf(Number.NaN)).toThrow('above 0')
  })

  test('the wallets of the demonstration are always the same, and their own', () => {
    const [first] = createDemoWallets()
    expect(first?.address).toBe(createDemoWallets()[0]?.address)
    expect(new Set(createDemoWallets().map(({ address }) => address)).size).toBe(6)
    expect(createDemoWallets().every(({ address }) => /^0x[0-9a-f]{40}$/.test(address))).toBe(true)
  })
})

test('a generated database has all of it, rollups current, and is left alone by a second call', async () => {
  const database = await testDatabase(18)
  const config = testConfig({ url: database.url })
  await deploySessions(config)
  const strata = openSessions(config)
  onTestFinished(async () => {
    await strata.close()
    await database.close()
  })
  const bars: string[] = []
  const progress = ({ label }: { readonly label: string }): { add(): void; set(): void; finish(): void } => ({
    add: () => undefined,
    set: () => undefined,
    finish: () => void bars.push(label),
  })
  // Within the months that there are for telemetry.
  const options = { scale: 0.02, sizes: { days: 25 }, named: createDemoWallets(), progress }
  const filled = await generate(strata, options)
  expect(filled.users).toBe(1_206)
  expect(filled.sessions).toBeGreaterThan(3_900)
  expect((await strata.rollup.status()).map(({ state, pending }) => [state, pending])).toEqual(
    strata.rollup.declared.map(() => ['live', 0]),
  )
  expect(bars).toEqual(['users', 'sessions', 'blocks', 'telemetry_events'])
  const { rows } = await database.db.query(sql`
    select (select count(*)::integer from sessions) as sessions,
      (select count(*)::integer from telemetry_events) as events,
      (select sum(events)::integer from telemetry_hourly) = (select count(*) from telemetry_events) as counted,
      (select sum(sessions)::integer from sessions_hourly) = (select count(*) from sessions) as summed,
      (select count(*) from reports r join sessions s using (session_id) where s.started_at is null or r.created_at < s.started_at or r.reported not in (s.a_addr, s.b_addr) or r.reporter not in (s.a_addr, s.b_addr)) as apart,
      (select count(*) from telemetry_events e left join sessions s using (session_id) where s.session_id is null or e.address not in (s.a_addr, s.b_addr)) as foreign_events,
      (select count(*)::integer from users where address = any (${createDemoWallets().map(({ address }) => address)}::text[])) as demo,
      (select count(*) from sessions where status in ('waiting', 'active', 'invited') and (a_addr in (select address from users where status <> 'active'))) as kept_out`)
  expect(rows).toEqual([
    {
      sessions: filled.sessions,
      events: filled.events,
      counted: true,
      summed: true,
      apart: '0',
      foreign_events: '0',
      demo: 6,
      kept_out: '0',
    },
  ])
  // The next session that the service makes has a number of its own.
  const { rows: next } = await database.db.query<{ is_new: boolean }>(sql`
    insert into sessions (a_addr, expires_at)
    select address, now() + interval '1 minute'
    from users
    where not exists (select from sessions where a_addr = address or b_addr = address)
    limit 1
    returning session_id > ${filled.sessions} as is_new`)
  expect(next).toEqual([{ is_new: true }])
  await expect(generate(strata, options)).rejects.toThrow('say "reset"')
  const anew = await generate(strata, { ...options, scale: 0.01, existing: 'reset' })
  const { rows: left } = await database.db.query(sql`select count(*)::integer as users from users`)
  expect(left).toEqual([{ users: anew.users }])
})

function expectLawful({ meetings, blocks }: World): void {
  const end = now.getTime()
  const busyUntil = new Map<Person, number>()
  const partedAt = new Map<string, number>()
  for (const { blocker, blocked, at } of blocks) {
    if (at > end) throw new Error('A block after now')
    partedAt.set([blocker.address, blocked.address].toSorted().join(' '), at)
  }
  for (const { id, a, b, status, createdAt, startedAt, endedAt, reportedAt } of meetings) {
    const told = `session ${id} (${status})`
    const times = [
      createdAt,
      startedAt ?? createdAt,
      reportedAt ?? startedAt ?? createdAt,
      endedAt ?? reportedAt ?? startedAt ?? createdAt,
    ]
    if (times.some((time, index) => time < (times[index - 1] ?? 0)) || (endedAt ?? createdAt) > end)
      throw new Error(`Times of ${told}: ${times.map((time) => time - createdAt).join(', ')}`)
    for (const one of b === undefined ? [a] : [a, b]) {
      if (one.createdAt >= createdAt) throw new Error(`Somebody is in ${told} before he came`)
      if ((busyUntil.get(one) ?? 0) > createdAt && status !== 'invited')
        throw new Error(`Somebody is in ${told} and in another`)
      if (status !== 'invited') busyUntil.set(one, endedAt ?? Infinity)
    }
    if (b === undefined || a === b) continue
    const parted = partedAt.get([a.address, b.address].toSorted().join(' '))
    if (parted !== undefined && parted < createdAt) throw new Error(`The two of ${told} had parted`)
  }
}
