// Who is matched, and who blocks, at the same moment. A lock of the test's own lets all of them come first, each as far as it gets; then
// nothing is there twice, nobody is left where two could have met, and nothing is between two of whom one has blocked the other.

import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sql, type Sql } from 'pgstrata'
import type { State } from '../../../examples/sessions/src/sessions/states.ts'
import { signInAll, waitForBlocked, whileLocked, type SignedIn } from './people.ts'
import { useService, type Answer } from './service-support.ts'
import {
  act,
  block,
  clear,
  expectInvariants,
  inOrder as inOrderOn,
  invite,
  match,
  putSession,
  sessionOf,
  sessionsIn as sessionsOn,
  stateOf,
  statuses,
  usersOf,
  watchStates,
  type PlacedRow,
} from './session-support.ts'

const served = useService()
let people: readonly SignedIn[] = []
let [ada, bob] = [] as unknown as readonly [SignedIn, SignedIn]

beforeAll(async () => {
  people = await signInAll(
    served(),
    Array.from({ length: 16 }, (_, index) => `wallet ${index}`),
  )
  ;[ada, bob] = people as unknown as readonly [SignedIn, SignedIn]
  await watchStates(served().database.db)
})
beforeEach(async () => await clear(served().database.db))

const inOrder = async (lock: Sql, asks: readonly (() => Promise<Answer>)[]): Promise<readonly Answer[]> =>
  await inOrderOn(served().database.db, lock, asks)
const sessionsIn = async (status: State): Promise<readonly PlacedRow[]> =>
  await sessionsOn(served().database.db, status)

describe('matching', () => {
  test.each([2, 3, 16])(
    '%i wallets that all saw an empty queue are in pairs, and none of two is left',
    async (count) => {
      const many = people.slice(0, count)
      const answers = await inOrder(
        usersOf(...many),
        many.map((one) => () => match(one)),
      )
      expect(new Set(statuses(answers))).toEqual(new Set([200]))
      const active = await sessionsIn('active')
      expect(active).toHaveLength(Math.floor(count / 2))
      expect(await sessionsIn('waiting')).toHaveLength(count % 2)
      const met = active.flatMap(({ a_addr, b_addr }) => [a_addr, b_addr])
      expect(new Set(met).size).toBe(met.length)
    },
  )

  test('one who waits is matched with one of fifteen who come at once', async () => {
    const [first, ...others] = people as readonly [SignedIn, ...SignedIn[]]
    const { session_id } = sessionOf(await match(first))
    const answers = await inOrder(
      usersOf(...others),
      others.map((one) => () => match(one)),
    )
    const { rows } = await served().database.db.query<PlacedRow & { status: string }>(
      sql`select status, a_addr, b_addr from sessions where session_id = ${session_id}::bigint`,
    )
    expect(rows).toMatchObject([{ status: 'active', a_addr: first.address, b_addr: expect.any(String) as string }])
    expect(answers.filter((answer) => sessionOf(answer).session_id === session_id)).toHaveLength(1)
    expect(await sessionsIn('active')).toHaveLength(8)
  })

  test('somebody who is just busy is passed over by the first look, and found by the second', async () => {
    const { session_id } = sessionOf(await match(ada))
    // The second look waits for the lock of the test; the first went on without it.
    const [answer] = await inOrder(usersOf(ada), [() => match(bob)])
    expect(sessionOf(answer)).toMatchObject({ session_id, status: 'active', b_addr: bob.address })
    expect((await sessionsIn('cancelled')).map(({ a_addr }) => a_addr)).toEqual([bob.address])
  })

  test('the same wallet five times at once is in one session', async () => {
    await match(ada)
    const answers = await inOrder(
      usersOf(bob),
      Array.from({ length: 5 }, () => () => match(bob)),
    )
    expect(new Set(answers.map((answer) => sessionOf(answer).session_id)).size).toBe(1)
    expect(sessionOf(answers[0])).toMatchObject({
      status: 'active',
      a_addr: ada.address,
      b_addr: bob.address,
    })
    expect(await sessionsIn('waiting')).toEqual([])
  })

  test.each([true, false])(
    'a cancel while being matched (cancel first: %s): it is over, or has begun',
    async (cancelFirst) => {
      const { session_id } = sessionOf(await match(ada))
      const both = [() => act(ada, session_id, 'cancel'), () => match(bob)]
      const answers = await inOrder(usersOf(ada, bob), cancelFirst ? both : both.toReversed())
      const [cancelled, matched] = (cancelFirst ? answers : answers.toReversed()) as [Answer, Answer]
      expect(matched.status).toBe(200)
      const { status } = sessionOf(matched)
      expect([cancelled.status, status]).toEqual(cancelled.status === 200 ? [200, 'waiting'] : [409, 'active'])
      expect(await stateOf(served().database.db, session_id)).toBe(cancelled.status === 200 ? 'cancelled' : 'active')
    },
  )
})

describe('a block', () => {
  test.each([
    ['before', true],
    ['after', false],
  ])('that comes %s a match of the same two is respected, whoever is first', async (_, blockFirst) => {
    await match(ada)
    const both = [() => block(ada, bob), () => match(bob)]
    const answers = await inOrder(usersOf(ada, bob), blockFirst ? both : both.toReversed())
    expect(statuses(answers)).toEqual([200, 200])
    expect(await sessionsIn('active')).toEqual([])
  })

  test('that was answered is respected by a match that had begun before', async () => {
    await match(ada)
    const { db } = served().database
    let matching: Promise<Answer> | undefined
    // The match holds the own user, and waits for the other one.
    await whileLocked(db, usersOf(ada), async () => {
      matching = match(bob)
      await waitForBlocked(db, 1)
    })
    const [matched, blocked] = await Promise.all([matching, block(ada, bob)])
    expect([matched?.status, blocked.status]).toEqual([200, 200])
    await expectInvariants(db)
    expect(await sessionsIn('active')).toEqual([])
  })

  test.each([true, false])('and an acceptance (block first: %s): there is no session', async (blockFirst) => {
    const { session_id } = sessionOf(await invite(ada, bob))
    const both = [() => block(ada, bob), () => act(bob, session_id, 'accept')]
    const answers = await inOrder(usersOf(ada, bob), blockFirst ? both : both.toReversed())
    const [blocked, accepted] = (blockFirst ? answers : answers.toReversed()) as [Answer, Answer]
    expect(blocked.status).toBe(200)
    const { db } = served().database
    expect([
      [200, 'ended'],
      [409, 'cancelled'],
    ]).toContainEqual([accepted.status, await stateOf(db, session_id)])
  })

  test.each([true, false])('and an invitation (block first: %s): none is left', async (blockFirst) => {
    const both = [() => block(ada, bob), () => invite(bob, ada)]
    const answers = await inOrder(usersOf(ada, bob), blockFirst ? both : both.toReversed())
    const [blocked, invited] = (blockFirst ? answers : answers.toReversed()) as [Answer, Answer]
    expect(blocked.status).toBe(200)
    expect([201, 404]).toContain(invited.status)
    expect(await sessionsIn('invited')).toEqual([])
  })

  test('of each by the other at once: both stand, and what was between them is over', async () => {
    const id = await putSession(served().database.db, { a: ada.address, b: bob.address, status: 'active' })
    const answers = await inOrder(usersOf(ada, bob), [() => block(ada, bob), () => block(bob, ada)])
    expect(statuses(answers)).toEqual([200, 200])
    expect(await stateOf(served().database.db, id)).toBe('ended')
  })
})

test('a wallet that is kept out while it is being matched: it is in no session', async () => {
  const { db } = served().database
  await match(ada)
  let matching: Promise<Answer> | undefined
  await db.withSession(async (moderator) => {
    await moderator.query(sql`begin`)
    await moderator.query(sql`update users set status = 'suspended' where address = ${bob.address}`)
    matching = match(bob)
    await waitForBlocked(db, 1)
    await moderator.query(sql`commit`)
  })
  expect((await matching)?.status).toBe(403)
  expect(await sessionsIn('active')).toEqual([])
  expect((await sessionsIn('waiting')).map(({ a_addr }) => a_addr)).toEqual([ada.address])
  await db.query(sql`update users set status = 'active'`)
})
