// What two do about a session, or invite each other into, at the same moment: one wins, the other is told that it is over, and nothing is there
// twice. A lock of the test's own lets both come first, each as far as it gets.

import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sql, type Sql } from 'pgstrata'
import type { State } from '../../../examples/sessions/src/sessions/states.ts'
import { signInAll, whileLocked, type SignedIn } from './people.ts'
import { useService, type Answer } from './service-support.ts'
import {
  act,
  clear,
  expectInvariants,
  inOrder as inOrderOn,
  invite,
  match,
  putSession,
  rowOf,
  sessionOf,
  sessionsIn as sessionsOn,
  stateOf,
  statuses,
  usersOf,
  watchStates,
  type PlacedRow,
} from './session-support.ts'

const served = useService()
let [ada, bob, eve] = [] as unknown as readonly [SignedIn, SignedIn, SignedIn]

beforeAll(async () => {
  const people = await signInAll(served(), ['ada', 'bob', 'eve'])
  ;[ada, bob, eve] = people as unknown as readonly [SignedIn, SignedIn, SignedIn]
  await watchStates(served().database.db)
})
beforeEach(async () => await clear(served().database.db))

const inOrder = async (lock: Sql, asks: readonly (() => Promise<Answer>)[]): Promise<readonly Answer[]> =>
  await inOrderOn(served().database.db, lock, asks)
const sessionsIn = async (status: State): Promise<readonly PlacedRow[]> =>
  await sessionsOn(served().database.db, status)

interface Case {
  readonly status: 'waiting' | 'invited' | 'active'
  readonly acts: readonly (readonly [who: 'ada' | 'bob', action: string, next: string])[]
}

const cases: readonly Case[] = [
  {
    status: 'invited',
    acts: [
      ['bob', 'accept', 'active'],
      ['ada', 'cancel', 'cancelled'],
    ],
  },
  {
    status: 'invited',
    acts: [
      ['bob', 'accept', 'active'],
      ['bob', 'decline', 'declined'],
    ],
  },
  {
    status: 'invited',
    acts: [
      ['bob', 'decline', 'declined'],
      ['ada', 'cancel', 'cancelled'],
    ],
  },
  {
    status: 'invited',
    acts: [
      ['bob', 'accept', 'active'],
      ['bob', 'accept', 'active'],
    ],
  },
  {
    status: 'waiting',
    acts: [
      ['ada', 'cancel', 'cancelled'],
      ['ada', 'cancel', 'cancelled'],
    ],
  },
  {
    status: 'active',
    acts: [
      ['ada', 'end', 'ended'],
      ['bob', 'end', 'ended'],
    ],
  },
  {
    status: 'active',
    acts: [
      ['ada', 'end', 'ended'],
      ['ada', 'end', 'ended'],
    ],
  },
]

describe.each(
  cases.map(({ status, acts }) => ({
    status,
    acts,
    name: acts.map(([who, action]) => `${who} ${action}`).join(' against '),
  })),
)('$status: $name', ({ status, acts }) => {
  test.each([
    ['waiting for the users', (): Sql => usersOf(ada, bob), false],
    ['waiting for the session', undefined, false],
    ['the other way round', undefined, true],
  ] as const)('%s: one wins', async (_, lockOfUsers, isReversed) => {
    const { db } = served().database
    const id = await putSession(db, { a: ada.address, b: bob.address, status })
    const of = { ada, bob }
    const wanted = isReversed ? acts.toReversed() : acts
    const answers = await inOrder(
      lockOfUsers?.() ?? rowOf(id),
      wanted.map(
        ([who, action]) =>
          () =>
            act(of[who], id, action),
      ),
    )
    expect(statuses(answers).toSorted()).toEqual([200, 409])
    const won = answers.findIndex((answer) => answer.status === 200)
    const [who = 'ada', action, next] = wanted[won] ?? []
    expect(await stateOf(db, id)).toBe(next)
    const { ended_by } = sessionOf(answers[won])
    expect(ended_by).toBe(action === 'accept' ? null : of[who].address)
  })
})

describe('invitations', () => {
  test('two who invite each other at once: one invitation', async () => {
    const answers = await inOrder(usersOf(ada, bob), [() => invite(ada, bob), () => invite(bob, ada)])
    expect(statuses(answers).toSorted()).toEqual([201, 409])
    expect(await sessionsIn('invited')).toHaveLength(1)
  })

  test('the same five times at once: one invitation', async () => {
    const answers = await inOrder(
      usersOf(ada, bob),
      Array.from({ length: 5 }, () => () => invite(ada, bob)),
    )
    expect(statuses(answers).toSorted()).toEqual([201, 409, 409, 409, 409])
  })

  test('two that one wallet accepts at once: it is in one session', async () => {
    const ids = [sessionOf(await invite(ada, eve)).session_id, sessionOf(await invite(bob, eve)).session_id]
    const answers = await inOrder(
      usersOf(eve),
      ids.map((id) => () => act(eve, id, 'accept')),
    )
    expect(statuses(answers).toSorted()).toEqual([200, 409])
    expect(await sessionsIn('active')).toHaveLength(1)
  })

  test('of one wallet, accepted by two at once: it is in one session', async () => {
    const ids = [sessionOf(await invite(ada, bob)).session_id, sessionOf(await invite(ada, eve)).session_id]
    const answers = await inOrder(usersOf(ada), [
      () => act(bob, ids[0] ?? '', 'accept'),
      () => act(eve, ids[1] ?? '', 'accept'),
    ])
    expect(statuses(answers).toSorted()).toEqual([200, 409])
    expect(await sessionsIn('active')).toHaveLength(1)
  })

  test('one that is accepted by who is just being matched: one session', async () => {
    const { session_id } = sessionOf(await invite(ada, bob))
    await match(eve)
    const answers = await inOrder(usersOf(bob), [() => match(bob), () => act(bob, session_id, 'accept')])
    expect(answers[0]?.status).toBe(200)
    expect([200, 409]).toContain(answers[1]?.status)
    expect(await sessionsIn('active')).toHaveLength(1)
  })

  test('one that the job is about to take away is accepted, or is late: never both', async () => {
    const { db } = served().database
    const { session_id } = sessionOf(await invite(ada, bob))
    // The job passes over what is locked, and takes it the next time, unless it was accepted.
    await db.query(
      sql`update sessions set created_at = now() - interval '1 hour', expires_at = now() where session_id = ${session_id}::bigint`,
    )
    await whileLocked(db, rowOf(session_id), () => served().strata.jobs.runNow('expire_sessions'))
    expect(await stateOf(db, session_id)).toBe('invited')
    const late = await act(bob, session_id, 'accept')
    expect([late.status, late.body.error?.message]).toEqual([409, 'This invitation was not answered in time'])
    await served().strata.jobs.runNow('expire_sessions')
    expect(await stateOf(db, session_id)).toBe('expired')
    expect((await act(bob, session_id, 'accept')).status).toBe(409)
    await expectInvariants(db)
  })
})
