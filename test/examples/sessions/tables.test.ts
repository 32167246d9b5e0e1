// The tables of the original design: columns, months of telemetry, and states of a session and a report that cannot contradict their times,
// whoever writes. And what jobs make of rows whose time is over.

import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSessions, type SessionsStrata } from '../../../examples/sessions/src/strata.ts'
import { sql } from '../../../src/sql/sql.ts'
import { testDatabase, type TestDatabase } from '../../support/postgres.ts'
import { checkProperty } from '../../support/property.ts'
import { template, testConfig } from './support.ts'

let database: TestDatabase | undefined
let strata: SessionsStrata | undefined

const wallet = (digit: number): string => `0x${String(digit).repeat(40)}`

beforeAll(async () => {
  database = await testDatabase(18, { template: await template(18) })
  strata = openSessions(testConfig({ url: database.url }))
  await database.db.query(sql`
    insert into users (address)
    select '0x' || repeat(digit::text, 40)
    from generate_series(1, 8) as digit`)
})
afterAll(async () => {
  await strata?.close()
  await database?.close()
})

function there(): { readonly db: TestDatabase['db']; readonly strata: SessionsStrata } {
  if (database === undefined || strata === undefined) throw new Error('The database is there only inside tests')
  return { db: database.db, strata }
}

const columns = {
  users: ['address', 'display_name', 'bio', 'created_at', 'last_seen_at', 'status'],
  sessions: ['a_addr', 'b_addr', 'created_at', 'started_at', 'ended_at', 'status', 'duration_s'],
  reports: ['session_id', 'reporter', 'reported', 'reason', 'status', 'created_at'],
  blocks: ['blocker', 'blocked', 'created_at'],
  nonces: ['nonce', 'address', 'expires_at', 'used_at'],
  telemetry_events: ['event_id', 'created_at', 'session_id', 'address', 'kind', 'payload'],
  balances: ['address', 'token', 'amount', 'updated_at'],
} as const

describe('the tables', () => {
  test.each(Object.entries(columns))('%s has its columns', async (table, named) => {
    const { rows } = await there().db.query<{ name: string }>(sql`
      select attname as name
      from pg_attribute
      where attrelid = to_regclass(${table})
        and attnum > 0
        and not attisdropped`)
    expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining([...named]))
  })

  test('telemetry is cut into months, each with all of its indexes, and a payload is jsonb', async () => {
    const { rows } = await there().db.query<{ name: string; indexes: number; type: string }>(sql`
      select c.relname as name,
        (select count(*)::integer from pg_index where indrelid = c.oid and indisvalid) as indexes,
        (select format_type(atttypid, null) from pg_attribute where attrelid = c.oid and attname = 'payload') as type
      from pg_inherits
      join pg_class as c on c.oid = inhrelid
      where inhparent = 'telemetry_events'::regclass
      order by 1`)
    expect(rows.length).toBeGreaterThanOrEqual(3)
    for (const row of rows)
      expect(row).toEqual({ name: expect.stringMatching(/^telemetry_events_\d{4}_\d\d$/), indexes: 7, type: 'jsonb' })
  })
})

const statuses = ['waiting', 'invited', 'active', 'ended', 'declined', 'cancelled', 'expired'] as const

interface Written {
  readonly status: (typeof statuses)[number]
  readonly hasB: boolean
  readonly isStarted: boolean
  readonly isEnded: boolean
  readonly expires: boolean
  readonly endedBy: 'a' | 'b' | 'other' | 'nobody'
}

/** What the service means by a session. */
function isMeant({ status, hasB, isStarted, isEnded, expires, endedBy }: Written): boolean {
  const isOpen = status === 'waiting' || status === 'invited'
  if (status === 'waiting' ? hasB : !hasB && status !== 'cancelled' && status !== 'expired') return false
  if (isStarted !== (status === 'active' || status === 'ended')) return false
  if (isEnded === (isOpen || status === 'active')) return false
  if (isOpen && !expires) return false
  return endedBy !== 'other' && (endedBy === 'nobody' || isEnded) && (endedBy !== 'b' || hasB)
}

test('a session is written only as one that makes sense', async () => {
  const { db } = there()
  await checkProperty(
    'sessions',
    fc.record({
      status: fc.constantFrom(...statuses),
      hasB: fc.boolean(),
      isStarted: fc.boolean(),
      isEnded: fc.boolean(),
      expires: fc.boolean(),
      endedBy: fc.constantFrom('a' as const, 'b' as const, 'other' as const, 'nobody' as const),
    }),
    async (written) => {
      const { status, hasB, isStarted, isEnded, expires, endedBy } = written
      const by = { a: wallet(1), b: wallet(2), other: wallet(3), nobody: null }[endedBy]
      const insert = sql`
        insert into sessions (a_addr, b_addr, status, created_at, started_at, ended_at, expires_at, ended_by)
        select ${wallet(1)}, case when ${hasB} then ${wallet(2)} end, ${status}, now(), case when ${isStarted} then now() end,
          case when ${isEnded} then now() end, case when ${expires} then now() end, ${by}`
      const taken = await db.withSession(async (session) => {
        await session.query(sql`begin`)
        const outcome = await session.query(insert).then(
          () => true,
          () => false,
        )
        await session.query(sql`rollback`)
        return outcome
      })
      expect(taken).toBe(isMeant(written))
    },
    {
      runs: 300,
      examples: statuses.map((status) => [
        {
          status,
          hasB: status !== 'waiting',
          isStarted: status === 'active' || status === 'ended',
          isEnded: !['waiting', 'invited', 'active'].includes(status),
          expires: true,
          endedBy: 'nobody',
        } as const,
      ]),
    },
  )
})

test.each([
  ['an address in capitals', sql`insert into users (address) values ('0xABCDEFabcdef0000000000000000000000000000')`],
  ['a name of nothing', sql`update users set display_name = ''`],
  [
    'a session with oneself',
    sql`insert into sessions (a_addr, b_addr, status, expires_at) values (${wallet(1)}, ${wallet(1)}, 'invited', now())`,
  ],
  [
    'a report that is taken by nobody',
    sql`insert into reports (session_id, reporter, reported, reason, status, claimed_at) select session_id, a_addr, b_addr, 'spam', 'claimed', now() from sessions`,
  ],
  [
    'a report that is decided and not resolved',
    sql`insert into reports (session_id, reporter, reported, reason, status, claimed_by, claimed_at) select session_id, a_addr, b_addr, 'spam', 'upheld', a_addr, now() from sessions`,
  ],
  ['a block of oneself', sql`insert into blocks (blocker, blocked) values (${wallet(1)}, ${wallet(1)})`],
  ['a balance below nothing', sql`insert into balances (address, token, amount) values (${wallet(1)}, 'ETH', -1)`],
  [
    'an event at no time',
    sql`insert into telemetry_events (event_id, created_at, kind) values (gen_random_uuid(), 'infinity', 'error')`,
  ],
  [
    'a payload that is a list',
    sql`insert into telemetry_events (event_id, kind, payload) values (gen_random_uuid(), 'error', '[]')`,
  ],
])('refused: %s', async (_, statement) => {
  const { db } = there()
  await db.query(sql`
    insert into sessions (a_addr, b_addr, status, started_at, ended_at)
    values (${wallet(1)}, ${wallet(2)}, 'ended', now(), now())`)
  await expect(db.query(statement)).rejects.toSatisfy((error) =>
    /check constraint|no partition of relation/.test(String(error)),
  )
})

test('two live sessions of one wallet are refused by the table itself', async () => {
  const { db } = there()
  const waiting = sql`insert into sessions (a_addr, expires_at) values (${wallet(8)}, now() + interval '1 minute')`
  await db.query(waiting)
  await expect(db.query(waiting)).rejects.toThrow('sessions_live_a_idx')
  const active = sql`insert into sessions (a_addr, b_addr, status, started_at) values (${wallet(6)}, ${wallet(7)}, 'active', now())`
  await db.query(active)
  await expect(
    db.query(
      sql`insert into sessions (a_addr, b_addr, status, started_at) values (${wallet(5)}, ${wallet(7)}, 'active', now())`,
    ),
  ).rejects.toThrow('sessions_live_b_idx')
  await db.query(sql`update sessions set status = 'ended', ended_at = now() where status = 'active'`)
  await db.query(active)
})

test('what nobody answered expires, what both forgot ends, and a report that nobody decides about goes back', async () => {
  const { db, strata: on } = there()
  await db.query(sql`truncate sessions, reports`)
  await db.query(sql`
    insert into sessions (a_addr, b_addr, status, created_at, started_at, expires_at)
    values (${wallet(1)}, null, 'waiting', now() - interval '10 minutes', null, now() - interval '1 second'),
      (${wallet(2)}, ${wallet(1)}, 'invited', now() - interval '10 minutes', null, now() - interval '1 second'),
      (${wallet(3)}, ${wallet(1)}, 'invited', now(), null, now() + interval '1 hour'),
      (${wallet(4)}, ${wallet(5)}, 'active', now() - interval '25 hours', now() - interval '25 hours', null),
      (${wallet(6)}, ${wallet(2)}, 'active', now() - interval '23 hours', now() - interval '23 hours', null)`)
  await db.query(sql`
    insert into reports (session_id, reporter, reported, reason, status, claimed_by, claimed_at)
    select session_id, a_addr, b_addr, 'spam', 'claimed', ${wallet(1)},
      now() - case a_addr when ${wallet(4)} then interval '31 minutes' else interval '29 minutes' end
    from sessions
    where status = 'active'`)
  for (const job of ['expire_sessions', 'release_reports'])
    expect(await on.jobs.runNow(job)).toMatchObject({ state: 'done' })
  const { rows: sessions } = await db.query(sql`
    select left(a_addr, 3) as wallet, status, ended_at is not null as is_over
    from sessions
    order by a_addr`)
  expect(sessions).toEqual([
    { wallet: '0x1', status: 'expired', is_over: true },
    { wallet: '0x2', status: 'expired', is_over: true },
    { wallet: '0x3', status: 'invited', is_over: false },
    { wallet: '0x4', status: 'ended', is_over: true },
    { wallet: '0x6', status: 'active', is_over: false },
  ])
  const { rows: reports } = await db.query(sql`
    select left(reporter, 3) as wallet, status, claimed_by is null as is_free
    from reports
    order by reporter`)
  expect(reports).toEqual([
    { wallet: '0x4', status: 'open', is_free: true },
    { wallet: '0x6', status: 'claimed', is_free: false },
  ])
})
