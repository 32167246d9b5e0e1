// Reports over HTTP, from who makes one to what comes of it: who may report what, the queue, decisions with their effect on a wallet,
// statistics, and what moderators look at besides.

import { beforeAll, describe, expect, test } from 'vitest'
import { waitUntil } from '../../support/wait.ts'
import { addMeeting, askAs, personOf, signIn, type SignedIn } from './people.ts'
import { ask, useService, type Answer } from './service-support.ts'

const moderators = ['mo', 'moira'].map((name) => personOf(name).address)
const served = useService({ background: true, moderators })
let ada: SignedIn
let bob: SignedIn
let carl: SignedIn
let mo: SignedIn
let moira: SignedIn

beforeAll(async () => {
  await waitUntil(() => served().strata.changes.here.handled !== undefined, { what: 'the feed consumes' })
  ada = await signIn(served(), 'ada')
  bob = await signIn(served(), 'bob')
  carl = await signIn(served(), 'carl')
  mo = await signIn(served(), 'mo')
  moira = await signIn(served(), 'moira')
})

const meet = (a: SignedIn, b: SignedIn, status: 'active' | 'ended' = 'ended'): Promise<string> =>
  addMeeting(served().strata, { a: a.address, b: b.address, status })

const report = (as: SignedIn, session_id: string, more: object = {}): Promise<Answer> =>
  askAs(as, '/reports', { body: { session_id, reason: 'spam', ...more } })

async function addReport(by: SignedIn, of: SignedIn): Promise<string> {
  const { body } = await report(by, await meet(by, of))
  return (body['report'] as { report_id: string }).report_id
}

const act = (as: SignedIn, id: string, action: string, body?: object): Promise<Answer> =>
  askAs(as, `/moderation/reports/${id}/${action}`, { method: 'POST', ...(body === undefined ? {} : { body }) })

const stateOf = ({ status, body }: Answer): readonly unknown[] => [
  status,
  (body['report'] as { status?: string } | undefined)?.status ?? body.error?.message,
]

describe('a report', () => {
  test('is about the other wallet of a session, which moderators find by it', async () => {
    const session = await meet(ada, bob)
    const { status, body } = await report(bob, session, { reason: 'scam', detail: 'asked for keys' })
    expect([status, body['report']]).toMatchObject([
      201,
      {
        session_id: session,
        reporter: bob.address,
        reported: ada.address,
        reason: 'scam',
        detail: 'asked for keys',
        status: 'open',
        claimed_by: null,
      },
    ])
    expect((await report(bob, session)).status).toBe(409)
    expect((await report(ada, session)).status).toBe(201)
    const { created_at: reported_at } = body['report'] as { readonly created_at: string }
    const found = await askAs(mo, '/moderation/sessions?list=reported')
    expect(found.body['sessions']).toMatchObject([{ session_id: session, status: 'ended', reported_at }])
  })

  test('needs a session that has begun, and in which one was', async () => {
    const session = await meet(ada, bob)
    expect((await report(carl, session)).status).toBe(404)
    expect((await report(carl, '999999')).status).toBe(404)
    const { rows } = await served().strata.query<{ session_id: string }>(
      `insert into sessions (a_addr, b_addr, status, expires_at)
       values ($1, $2, 'invited', now() + interval '1 minute')
       returning session_id`,
      [ada.address, carl.address],
    )
    expect((await report(carl, rows[0]?.session_id ?? '')).status).toBe(400)
  })

  test.each([
    { reason: 'boredom' },
    { detail: '' },
    { detail: 'a'.repeat(2_001) },
    { detail: 'a\0' },
    { session_id: '0' },
    { session_id: 'x' },
    { reporter: '0x' },
  ])('%j is refused', async (wrong) => {
    const { status, body } = await report(ada, '1', wrong)
    expect([status, body.error?.code]).toEqual([400, 'BAD_INPUT'])
  })

  test('needs somebody who has signed in', async () => {
    expect((await ask(served(), '/reports', { body: { session_id: '1', reason: 'spam' } })).status).toBe(401)
  })
})

describe('the queue', () => {
  test('is for moderators', async () => {
    for (const path of ['/moderation/queue', '/moderation/desk', '/moderation/stats', '/moderation/activity']) {
      expect((await askAs(ada, path)).status).toBe(403)
      expect((await ask(served(), path)).status).toBe(401)
      expect((await askAs(mo, path)).status).toBe(200)
    }
    for (const action of ['claim', 'release']) expect((await act(ada, '1', action)).status).toBe(403)
  })

  test('has every open report once, the oldest first, however long a page is', async () => {
    for (let count = 0; count < 5; count++) await addReport(ada, bob)
    const { rows } = await served().strata.query<{ report_id: string }>(
      "select report_id from reports where status = 'open' order by created_at, report_id",
      [],
    )
    const seen: string[] = []
    for (let next: string | null = ''; next !== null;) {
      const { body }: Answer = await askAs(mo, `/moderation/queue?limit=2&cursor=${next}`)
      seen.push(...(body['reports'] as { report_id: string }[]).map(({ report_id }) => report_id))
      next = body['next'] as string | null
    }
    expect(seen).toEqual(rows.map(({ report_id }) => report_id))
    expect((await askAs(mo, '/moderation/queue?cursor=abc')).status).toBe(400)
  })

  test('gives a report to one moderator, who may give it back', async () => {
    const id = await addReport(ada, bob)
    expect(stateOf(await act(mo, id, 'claim'))).toEqual([200, 'claimed'])
    expect(stateOf(await act(mo, id, 'claim'))).toEqual([200, 'claimed'])
    expect(stateOf(await act(moira, id, 'claim'))).toEqual([409, 'Another moderator has taken this report'])
    expect((await act(moira, id, 'release')).status).toBe(409)
    const desk = (await askAs(mo, '/moderation/desk')).body['reports']
    expect(desk).toMatchObject([{ report_id: id, claimed_by: mo.address }])
    const claimed = (await askAs(moira, '/moderation/queue?status=claimed')).body['reports']
    expect(claimed).toMatchObject([{ report_id: id }])
    expect(stateOf(await act(mo, id, 'release'))).toEqual([200, 'open'])
    expect((await act(mo, id, 'release')).status).toBe(409)
    expect((await act(mo, '999999', 'claim')).status).toBe(404)
  })

  test('keeps moderators from deciding about themselves', async () => {
    const id = await addReport(ada, mo)
    const own = await addReport(mo, ada)
    expect(stateOf(await act(mo, own, 'claim'))).toEqual([403, 'Nobody decides about what is said by the own wallet'])
    expect(stateOf(await act(mo, id, 'claim'))).toEqual(stateOf(await act(mo, '999999', 'claim')))
    for (const action of ['release', 'claim']) expect((await act(mo, id, action)).status).toBe(404)
    await served().strata.query("update reports set status = 'open', claimed_by = null, claimed_at = null", [])
    await served().strata.query('delete from reports where report_id <> $1', [id])
    expect((await askAs(mo, '/moderation/reports/next/claim', { method: 'POST' })).body['report']).toBeNull()
    expect((await askAs(moira, '/moderation/reports/next/claim', { method: 'POST' })).body['report']).toMatchObject({
      report_id: id,
      claimed_by: moira.address,
    })
  })

  test('takes back by a job what somebody has forgotten for half an hour', async () => {
    const [old, fresh] = [await addReport(ada, bob), await addReport(ada, bob)]
    for (const id of [old, fresh]) await act(mo, id, 'claim')
    await served().strata.query("update reports set claimed_at = now() - interval '31 minutes' where report_id = $1", [
      old,
    ])
    await served().strata.jobs.runNow('release_reports')
    const { rows } = await served().strata.query(
      'select status from reports where report_id = any ($1::bigint[]) order by report_id',
      [[old, fresh]],
    )
    expect(rows).toEqual([{ status: 'open' }, { status: 'claimed' }])
  })
})

describe('a decision', () => {
  const decide = (as: SignedIn, id: string, more: object = {}): Promise<Answer> =>
    act(as, id, 'resolve', { status: 'upheld', resolution: 'as reported', ...more })

  test('is made once, by who has taken the report', async () => {
    const id = await addReport(ada, bob)
    expect((await decide(mo, id)).status).toBe(409)
    await act(mo, id, 'claim')
    expect((await decide(moira, id)).status).toBe(409)
    expect(stateOf(await decide(mo, id, { status: 'dismissed' }))).toEqual([200, 'dismissed'])
    expect(stateOf(await decide(mo, id))).toEqual([409, 'This report has been decided about'])
    expect((await act(mo, id, 'release')).status).toBe(409)
    expect((await decide(mo, '999999')).status).toBe(404)
    expect((await decide(mo, id, { status: 'dismissed', effect: 'ban' })).status).toBe(400)
    expect((await decide(mo, id, { resolution: '' })).status).toBe(400)
  })

  test('keeps a wallet out: its sessions are over, and it may do nothing more', async () => {
    const dora = await signIn(served(), 'dora')
    const id = await addReport(ada, dora)
    const session = await meet(carl, dora, 'active')
    await act(mo, id, 'claim')
    expect((await decide(mo, id, { effect: 'suspend' })).status).toBe(200)
    const { query } = served().strata
    const ended = await query('select status, ended_by from sessions where session_id = $1', [session])
    expect(ended.rows).toEqual([{ status: 'ended', ended_by: null }])
    await waitUntil(async () => (await report(dora, session)).status === 403, { what: 'that it is kept out' })
    const again = await addReport(carl, dora)
    await act(mo, again, 'claim')
    await decide(mo, again, { effect: 'ban' })
    const third = await addReport(carl, dora)
    await act(mo, third, 'claim')
    await decide(mo, third, { effect: 'suspend' })
    expect((await query('select status from users where address = $1', [dora.address])).rows).toEqual([
      { status: 'banned' },
    ])
  })
})

describe('what moderators look at', () => {
  test('statistics are what a query over the table gives, and are told anew when a report comes', async () => {
    const { query } = served().strata
    await addReport(carl, bob)
    const numbers = async (): Promise<unknown> => {
      const { rows } = await query(
        `select date_bin('1 day', created_at, '2000-01-01Z') as day, reason, count(*)::int as reports, count(*) filter (where status = 'upheld')::int as upheld,
           count(*) filter (where status = 'dismissed')::int as dismissed
         from reports
         group by day, reason
         order by day, reason`,
        [],
      )
      return rows
    }
    const told = async (): Promise<unknown> => (await askAs(mo, '/moderation/stats?days=2')).body['days']
    const areSame = async (): Promise<boolean> => JSON.stringify(await told()) === JSON.stringify(await numbers())
    await waitUntil(areSame, { what: 'the numbers of the table' })
    const id = await addReport(carl, ada)
    await waitUntil(areSame, { what: 'the numbers with the new one' })
    await act(mo, id, 'claim')
    await act(mo, id, 'resolve', { status: 'upheld', resolution: 'yes' })
    await waitUntil(areSame, { what: 'the numbers with the decision' })
    const { body } = await askAs(mo, '/moderation/stats')
    const { rows } = await query(
      'select reported as address, count(*)::int as reports from reports where reported <> $1 group by 1',
      [mo.address],
    )
    expect(body['wallets']).toHaveLength(rows.length)
    expect(body['wallets']).toEqual(expect.arrayContaining(rows.map((row) => expect.objectContaining(row) as unknown)))
    const open = await query("select count(*)::int as open from reports where status = 'open'", [])
    expect(open.rows).toEqual([{ open: (body['queue'] as { open: number }).open }])
  })

  test.each([
    ['/moderation/reports', 'reports'],
    ['/moderation/reports?list=resolved', 'reports'],
    ['/moderation/reasons/spam', 'reports'],
    ['/moderation/sessions', 'sessions'],
    ['/moderation/sessions?list=ended', 'sessions'],
    ['/moderation/sessions?list=reported', 'sessions'],
    ['/moderation/users', 'users'],
    ['/moderation/users?list=seen', 'users'],
    ['/moderation/users?list=banned', 'users'],
  ])('%s', async (path, name) => {
    const { status, body } = await askAs(mo, path)
    expect(status).toBe(200)
    expect((body[name] as unknown[]).length).toBeGreaterThan(0)
    expect((await askAs(ada, path)).status).toBe(403)
  })

  test('of one wallet and of one session is all that is known', async () => {
    const session = await meet(ada, carl)
    await served().strata.query("insert into blocks (blocker, blocked, reason) values ($1, $2, 'rude')", [
      bob.address,
      ada.address,
    ])
    const events = [
      { event_id: crypto.randomUUID(), at: new Date().toISOString(), kind: 'latency', session_id: session },
    ]
    await askAs(ada, '/telemetry', { body: { events } })
    const wallet = await askAs(mo, `/moderation/wallets/${ada.address}`)
    expect(wallet.body).toMatchObject({
      user: { address: ada.address },
      blocks: { count: 1 },
      events: [{ kind: 'latency', session_id: session }],
    })
    const seen = await askAs(mo, `/moderation/sessions/${session}`)
    expect(seen.body).toMatchObject({ session: { session_id: session }, events: [{ kind: 'latency' }] })
    expect((await askAs(mo, '/moderation/blocks?reason=rude')).body['blocks']).toMatchObject([{ blocker: bob.address }])
    expect((await askAs(mo, '/moderation/activity')).body).toMatchObject({ events: [{ kind: 'latency', events: 1 }] })
    expect((await askAs(mo, '/moderation/sessions/999999')).status).toBe(404)
  })
})

test('nothing went wrong that nobody expected', () => {
  expect(served().lines).toEqual([])
})
