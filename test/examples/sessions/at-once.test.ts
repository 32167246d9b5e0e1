// What holds from the next request on, though nobody consumes the feed of changes: decisions about a wallet, and blocks. And what moderators do
// not see: what others say of their own wallet.

import { beforeAll, describe, expect, test } from 'vitest'
import { sql } from 'pgstrata'
import { addMeeting, askAs, personOf, signIn, signInAll, waitForBlocked, whileLocked, type SignedIn } from './people.ts'
import { useService, type Answer } from './service-support.ts'
import { block, invite, match, sessionOf, unblock } from './session-support.ts'

const served = useService({ moderators: ['mo', 'moira'].map((name) => personOf(name).address) })
let [ada, bob, mo, moira] = [] as unknown as readonly [SignedIn, SignedIn, SignedIn, SignedIn]

beforeAll(async () => {
  const people: readonly SignedIn[] = await signInAll(served(), ['ada', 'bob', 'mo', 'moira'])
  ;[ada, bob, mo, moira] = people as unknown as readonly [SignedIn, SignedIn, SignedIn, SignedIn]
})

async function addReport(by: SignedIn, of: SignedIn): Promise<{ readonly id: string; readonly session: string }> {
  const session = await addMeeting(served().strata, { a: by.address, b: of.address })
  const { body } = await askAs(by, '/reports', { body: { session_id: session, reason: 'spam', detail: 'told' } })
  return { id: (body['report'] as { readonly report_id: string }).report_id, session }
}

const act = (as: SignedIn, id: string, action: string, body?: object): Promise<Answer> =>
  askAs(as, `/moderation/reports/${id}/${action}`, { method: 'POST', ...(body === undefined ? {} : { body }) })
const claimNext = (as: SignedIn): Promise<Answer> => askAs(as, '/moderation/reports/next/claim', { method: 'POST' })
const restore = (as: SignedIn, { address }: { readonly address: string }): Promise<Answer> =>
  askAs(as, `/moderation/wallets/${address}/restore`, { method: 'POST' })
const statusOf = async (as: SignedIn, path: string): Promise<number> => (await askAs(as, path)).status

describe('from the next request on', () => {
  test.each(['suspend', 'ban'])(
    'a wallet is kept out by "%s", and may come back when a moderator says so',
    async (effect) => {
      const cleo = await signIn(served(), `cleo ${effect}`)
      expect([await statusOf(cleo, '/sessions'), await statusOf(ada, `/users/${cleo.address}`)]).toEqual([200, 200])
      const { id } = await addReport(ada, cleo)
      await act(mo, id, 'claim')
      expect((await act(mo, id, 'resolve', { status: 'upheld', resolution: 'so', effect })).status).toBe(200)
      expect(await statusOf(cleo, '/sessions')).toBe(403)
      expect(await statusOf(ada, `/users/${cleo.address}`)).toBe(effect === 'ban' ? 404 : 200)
      expect((await restore(ada, cleo)).status).toBe(403)
      expect((await restore(mo, cleo)).body['user']).toEqual({ address: cleo.address, status: 'active' })
      expect([await statusOf(cleo, '/sessions'), await statusOf(ada, `/users/${cleo.address}`)]).toEqual([200, 200])
      expect((await restore(mo, cleo)).status).toBe(409)
      expect((await restore(mo, { address: `0x${'0'.repeat(40)}` })).status).toBe(404)
    },
  )

  test('a block hides both from each other, and does so no more when it is taken back', async () => {
    const seen = async (): Promise<readonly number[]> => [
      await statusOf(ada, `/users/${bob.address}`),
      await statusOf(bob, `/users/${ada.address}`),
    ]
    expect(await seen()).toEqual([200, 200])
    await block(ada, bob)
    expect(await seen()).toEqual([404, 404])
    await unblock(ada, bob)
    expect(await seen()).toEqual([200, 200])
  })
})

describe('of the own wallet', () => {
  const lists = [
    '/moderation/queue',
    '/moderation/queue?status=claimed',
    '/moderation/reports',
    '/moderation/reports?list=resolved',
    '/moderation/reasons/spam',
    '/moderation/sessions?list=reported',
    '/moderation/stats',
    '/moderation/blocks?reason=rude',
  ]
  const read = async (as: SignedIn): Promise<string> =>
    JSON.stringify(await Promise.all(lists.map(async (path) => (await askAs(as, path)).body)))

  test('a moderator is shown no report, whatever its state, and no block, and another one is', async () => {
    const [open, claimed, resolved] = [await addReport(ada, mo), await addReport(ada, mo), await addReport(bob, mo)]
    for (const { id } of [claimed, resolved]) await act(moira, id, 'claim')
    await act(moira, resolved.id, 'resolve', { status: 'dismissed', resolution: 'no' })
    await askAs(bob, `/blocks/${mo.address}`, { method: 'PUT', body: { reason: 'rude' } })
    const [own, others] = [await read(mo), await read(moira)]
    for (const { id, session } of [open, claimed, resolved]) {
      expect(others).toContain(`"report_id":"${id}"`)
      expect(others).toContain(`"session_id":"${session}"`)
      expect(own).not.toContain(`"report_id":"${id}"`)
      expect(own).not.toContain(`"session_id":"${session}"`)
      const unknown = await act(mo, '999999', 'claim')
      const asked = await act(mo, id, 'claim')
      expect([asked.status, asked.body]).toEqual([404, unknown.body])
    }
    const named = new RegExp(`"(reported|blocked|address|a_addr|b_addr)":"${mo.address}"`)
    expect(own).not.toMatch(named)
    expect(others).toMatch(named)
    expect(others).toContain(`"blocked":"${mo.address}"`)
    expect((await askAs(mo, `/moderation/wallets/${mo.address}`)).status).toBe(403)
    // What somebody else reported of it is not shown by way of that one either.
    expect((await askAs(mo, `/moderation/wallets/${ada.address}`)).body['reports_from']).not.toContainEqual(
      expect.objectContaining({ reported: mo.address }),
    )
    expect((await askAs(moira, `/moderation/wallets/${mo.address}`)).body['reports_about']).toHaveLength(3)
  })
})

test('a desk has twenty at most, however many are taken at once, and has room again when one goes', async () => {
  const { db } = served().database
  await db.query(sql`delete from reports`)
  for (let count = 0; count < 24; count++) await addReport(ada, bob)
  for (let count = 0; count < 18; count++) expect((await claimNext(mo)).status).toBe(200)
  const lock = sql`select from users where address = ${mo.address} for update`
  const { asked } = await whileLocked(db, lock, async () => {
    const all = Array.from({ length: 4 }, () => claimNext(mo))
    await waitForBlocked(db, 4)
    return { asked: all }
  })
  expect((await Promise.all(asked)).map(({ status }) => status).toSorted()).toEqual([200, 200, 409, 409])
  const desk = (await askAs(mo, '/moderation/desk')).body['reports'] as readonly { readonly report_id: string }[]
  expect(desk).toHaveLength(20)
  const { rows } = await db.query<{ id: string }>(
    sql`select report_id::text as id from reports where status = 'open' order by report_id limit 1`,
  )
  const [{ id } = { id: '' }] = rows
  expect((await act(mo, id, 'claim')).status).toBe(409)
  // What is there already may be taken again.
  expect((await act(mo, desk[0]?.report_id ?? '', 'claim')).status).toBe(200)
  expect((await claimNext(moira)).body['report']).toMatchObject({ report_id: id })
  await act(mo, desk[0]?.report_id ?? '', 'release')
  expect((await claimNext(mo)).status).toBe(200)
})

test('a job does all that is due, however much there is', async () => {
  const { db } = served().database
  await db.query(
    sql`insert into users (address) select '0x' || lpad(to_hex(n), 40, '0') from generate_series(1, 2100) as n`,
  )
  await db.query(sql`
    insert into sessions (a_addr, status, expires_at)
    select '0x' || lpad(to_hex(n), 40, '0'), 'waiting', now() - interval '1 second'
    from generate_series(1, 2100) as n`)
  expect(await served().strata.jobs.runNow('expire_sessions')).toMatchObject({ state: 'done' })
  const { rows } = await db.query(sql`select count(*)::int as left from sessions where status = 'waiting'`)
  expect(rows).toEqual([{ left: 0 }])
})

test('a block of a wallet that comes later keeps the two apart from then on', async () => {
  const { address } = personOf('fay')
  await block(ada, { address })
  const fay = await signIn(served(), 'fay')
  await match(ada)
  expect(sessionOf(await match(fay)).status).toBe('waiting')
  expect((await invite(fay, ada)).status).toBe(404)
})
