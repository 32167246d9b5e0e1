// Who moderates at the same time: a lock of the test's own lets all of them come first, and then one of them wins.

import { beforeAll, expect, test } from 'vitest'
import { sql } from 'pgstrata'
import { addMeeting, askAs, personOf, signIn, signInAll, waitForBlocked, whileLocked, type SignedIn } from './people.ts'
import { useService, type Answer } from './service-support.ts'

const names = Array.from({ length: 20 }, (_, index) => `moderator ${index}`)
const served = useService({ moderators: names.map((name) => personOf(name).address) })
let moderators: readonly SignedIn[] = []
let ada: SignedIn
let bob: SignedIn

beforeAll(async () => {
  moderators = await signInAll(served(), names)
  ada = await signIn(served(), 'ada')
  bob = await signIn(served(), 'bob')
})

async function addReports(count: number): Promise<readonly string[]> {
  const ids: string[] = []
  for (let made = 0; made < count; made++) {
    const session_id = await addMeeting(served().strata, { a: ada.address, b: bob.address })
    const { body } = await askAs(ada, '/reports', { body: { session_id, reason: 'abuse' } })
    ids.push((body['report'] as { report_id: string }).report_id)
  }
  return ids
}

const act = (as: SignedIn, id: string, action: string, body?: object): Promise<Answer> =>
  askAs(as, `/moderation/reports/${id}/${action}`, { method: 'POST', ...(body === undefined ? {} : { body }) })

const statuses = (answers: readonly Answer[]): readonly number[] => answers.map(({ status }) => status).toSorted()
const lockOf = (id: string) => sql`select from reports where report_id = ${id}::bigint for update`

/** All of them are sent while the test holds the report, and wait for it. */
async function atOnce(
  id: string,
  ask: readonly (() => Promise<Answer>)[],
  blocked: number,
): Promise<readonly Answer[]> {
  const { db } = served().database
  const under = await whileLocked(db, lockOf(id), async () => {
    const asked = ask.map((one) => one())
    await waitForBlocked(db, blocked)
    return { asked }
  })
  return await Promise.all(under.asked)
}

test('of twenty who take one report at once one has it', async () => {
  const [id = ''] = await addReports(1)
  const answers = await atOnce(
    id,
    moderators.map((one) => () => act(one, id, 'claim')),
    15,
  )
  expect(statuses(answers)).toEqual([200, ...Array.from({ length: 19 }, () => 409)])
  const winner = answers.findIndex(({ status }) => status === 200)
  const { rows } = await served().strata.query('select status, claimed_by from reports where report_id = $1', [id])
  expect(rows).toEqual([{ status: 'claimed', claimed_by: moderators[winner]?.address }])
})

test('twenty who take the next at once have twenty others, and wait for nobody', async () => {
  const [first = '', ...others] = await addReports(21)
  const { db } = served().database
  // Somebody is busy with the oldest: it is passed over, though it is open.
  const answers = await whileLocked(db, lockOf(first), () =>
    Promise.all(moderators.map((one) => askAs(one, '/moderation/reports/next/claim', { method: 'POST' }))),
  )
  const taken = answers.map(({ body }) => (body['report'] as { report_id: string }).report_id)
  expect(taken.toSorted()).toEqual(others.toSorted())
  const [moderator] = moderators as readonly [SignedIn, ...SignedIn[]]
  const next = await askAs(moderator, '/moderation/reports/next/claim', { method: 'POST' })
  expect(next.body['report']).toMatchObject({ report_id: first })
})

const upheld = { status: 'upheld', resolution: 'seen', effect: 'suspend' }

test.each([
  ['the same decision twice', upheld, upheld],
  ['two decisions that contradict each other', upheld, { status: 'dismissed', resolution: 'nothing' }],
])('%s: one is made', async (_, one, other) => {
  const [id = ''] = await addReports(1)
  const [moderator] = moderators as readonly [SignedIn, ...SignedIn[]]
  await act(moderator, id, 'claim')
  const answers = await atOnce(
    id,
    [one, other].map((body) => () => act(moderator, id, 'resolve', body)),
    2,
  )
  expect(statuses(answers)).toEqual([200, 409])
  const won = answers.find(({ status }) => status === 200)?.body['report'] as { status: string }
  const { rows } = await served().strata.query('select status from reports where report_id = $1', [id])
  expect(rows).toEqual([{ status: won.status }])
  await served().strata.query("update users set status = 'active'", [])
})

test('a decision and a report that goes back: one of them happens, whole', async () => {
  const [id = ''] = await addReports(1)
  const [moderator] = moderators as readonly [SignedIn, ...SignedIn[]]
  await act(moderator, id, 'claim')
  const answers = await atOnce(
    id,
    [() => act(moderator, id, 'resolve', upheld), () => act(moderator, id, 'release')],
    2,
  )
  expect(statuses(answers)).toEqual([200, 409])
  const { rows } = await served().strata.query(
    'select r.status as report, u.status as wallet from reports r join users u on u.address = r.reported where report_id = $1',
    [id],
  )
  expect([[{ report: 'upheld', wallet: 'suspended' }], [{ report: 'open', wallet: 'active' }]]).toContainEqual(rows)
  await served().strata.query("update users set status = 'active'", [])
})

test('a job that takes forgotten reports back leaves one alone that is just being decided about', async () => {
  const [id = ''] = await addReports(1)
  const [moderator] = moderators as readonly [SignedIn, ...SignedIn[]]
  await act(moderator, id, 'claim')
  await served().strata.query("update reports set claimed_at = now() - interval '1 hour' where report_id = $1", [id])
  await whileLocked(served().database.db, lockOf(id), () => served().strata.jobs.runNow('release_reports'))
  expect((await act(moderator, id, 'resolve', { status: 'dismissed', resolution: 'no' })).status).toBe(200)
})

test('the same report sent twice at once is made once; those of both wallets are both made', async () => {
  const session_id = await addMeeting(served().strata, { a: ada.address, b: bob.address })
  const { db } = served().database
  const file = (as: SignedIn): Promise<Answer> => askAs(as, '/reports', { body: { session_id, reason: 'scam' } })
  const lock = sql`select from users where address = any (${[ada.address, bob.address]}) for update`
  const under = await whileLocked(db, lock, async () => {
    const asked = [file(ada), file(ada), file(bob), file(bob)]
    await waitForBlocked(db, 4)
    return { asked }
  })
  const answers = await Promise.all(under.asked)
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 201, 409, 409])
  const { rows } = await served().strata.query('select reporter from reports where session_id = $1 order by reporter', [
    session_id,
  ])
  expect(rows).toEqual(
    [ada, bob].map(({ address }) => ({ reporter: address })).toSorted((a, b) => (a.reporter < b.reporter ? -1 : 1)),
  )
})
