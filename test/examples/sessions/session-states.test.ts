// What a session becomes by what its wallets do, in every state; and what stays true of all sessions whatever many do, at random and at once.

import fc from 'fast-check'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { transitions, type Event, type Party, type State } from '../../../examples/sessions/src/sessions/states.ts'
import { checkProperty } from '../../support/property.ts'
import { signInAll, type SignedIn } from './people.ts'
import { useService, type Answer } from './service-support.ts'
import {
  act,
  block,
  clear,
  expectInvariants,
  invite,
  match,
  putSession,
  sessionOf,
  stateOf,
  unblock,
  watchStates,
} from './session-support.ts'

const served = useService()
let people: readonly SignedIn[] = []
let [ada, bob, eve] = [] as unknown as readonly [SignedIn, SignedIn, SignedIn]

beforeAll(async () => {
  people = await signInAll(served(), ['ada', 'bob', 'eve', 'kim', 'lee'])
  ;[ada, bob, eve] = people as unknown as readonly [SignedIn, SignedIn, SignedIn]
  await watchStates(served().database.db)
})
beforeEach(async () => await clear(served().database.db))

type Action = 'accept' | 'decline' | 'cancel' | 'end'

/** By the one who waits or invites, and by the one who came or was asked: the next state, or the refusal. */
const expected: Readonly<Record<State, Readonly<Record<Action, readonly [a: State | number, b: State | number]>>>> = {
  // Nobody has come yet.
  waiting: { accept: [409, 404], decline: [409, 404], cancel: ['cancelled', 404], end: [409, 404] },
  invited: { accept: [403, 'active'], decline: [403, 'declined'], cancel: ['cancelled', 403], end: [409, 409] },
  active: { accept: [409, 409], decline: [409, 409], cancel: [409, 409], end: ['ended', 'ended'] },
  ended: { accept: [409, 409], decline: [409, 409], cancel: [409, 409], end: [409, 409] },
  declined: { accept: [409, 409], decline: [409, 409], cancel: [409, 409], end: [409, 409] },
  cancelled: { accept: [409, 409], decline: [409, 409], cancel: [409, 409], end: [409, 409] },
  expired: { accept: [409, 409], decline: [409, 409], cancel: [409, 409], end: [409, 409] },
}

const states = Object.keys(expected) as readonly State[]

describe.each(states)('%s', (state) => {
  test.each(['accept', 'decline', 'cancel', 'end'] as const)('%s', async (action) => {
    const { db } = served().database
    for (const [index, as] of [ada, bob].entries()) {
      await clear(db)
      const id = await putSession(db, { a: ada.address, b: bob.address, status: state })
      const wanted = expected[state][action][index]
      const answer = await act(as, id, action)
      const next = typeof wanted === 'number' ? state : wanted
      expect([answer.status, await stateOf(db, id)]).toEqual([typeof wanted === 'number' ? wanted : 200, next])
      if (typeof wanted !== 'number') expect(sessionOf(answer)).toMatchObject({ session_id: id, status: next })
      // Of somebody else's session nothing is said at all.
      expect((await act(eve, id, action)).status).toBe(404)
    }
    await expectInvariants(db)
  })

  test('is left alone, or over, when one of the two blocks the other', async () => {
    const { db } = served().database
    for (const [by, of, invited] of [
      [ada, bob, 'cancelled'],
      [bob, ada, 'declined'],
    ] as const) {
      await clear(db)
      const id = await putSession(db, { a: ada.address, b: bob.address, status: state })
      expect((await block(by, of)).status).toBe(200)
      const after = state === 'active' ? 'ended' : state === 'invited' ? invited : state
      expect(await stateOf(db, id)).toBe(after)
    }
    await expectInvariants(db)
  })
})

test('the table leads nowhere but forward: what is over stays so, and every state is over in the end', () => {
  const over = new Set(['ended', 'declined', 'cancelled', 'expired'])
  const nextOf = (state: State): readonly State[] =>
    (Object.keys(transitions[state]) as Event[]).flatMap((event) =>
      (['a', 'b', 'service'] as Party[]).flatMap((party) => {
        const outcome = transitions[state][event][party]
        return 'next' in outcome ? [outcome.next] : []
      }),
    )
  for (const state of states) expect(nextOf(state).length > 0, state).toBe(!over.has(state))
  expect(new Set(nextOf('active'))).toEqual(new Set(['ended']))
  expect(nextOf('invited')).not.toContain('waiting')
})

describe('whoever accepts', () => {
  test('leaves the queue, and so does who invited', async () => {
    const { db } = served().database
    const { session_id } = sessionOf(await invite(ada, bob))
    // They may not meet by chance: who has blocked whom does not matter to what follows.
    const waiting = [
      await putSession(db, { a: ada.address, b: '', status: 'waiting' }),
      await putSession(db, { a: bob.address, b: '', status: 'waiting' }),
    ]
    expect(sessionOf(await act(bob, session_id, 'accept')).status).toBe('active')
    expect(await Promise.all(waiting.map((id) => stateOf(db, id)))).toEqual(['cancelled', 'cancelled'])
    await expectInvariants(db)
  })

  test.each(['ada', 'bob'] as const)('does not while %s is in another session', async (busy) => {
    const { db } = served().database
    const { session_id } = sessionOf(await invite(ada, bob))
    await putSession(db, { a: { ada, bob }[busy].address, b: eve.address, status: 'active' })
    expect((await act(bob, session_id, 'accept')).status).toBe(409)
    expect(await stateOf(db, session_id)).toBe('invited')
  })
})

const wallet = fc.nat({ max: 4 })
const command = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('match' as const), who: wallet, whom: wallet }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('invite' as const), who: wallet, whom: wallet }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constantFrom('accept', 'decline', 'cancel', 'end'), who: wallet, whom: wallet }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('block', 'unblock'), who: wallet, whom: wallet }) },
)

/** An action is about the newest session between the two, or of the one alone: what is there when it is sent. */
async function carryOut({
  do: what,
  who,
  whom,
}: {
  readonly do: string
  readonly who: number
  readonly whom: number
}): Promise<Answer> {
  const [as, other] = [people[who], people[whom]] as unknown as readonly [SignedIn, SignedIn]
  if (what === 'match') return await match(as)
  if (what === 'invite') return await invite(as, other)
  if (what === 'block') return await block(as, other)
  if (what === 'unblock') return await unblock(as, other)
  const { rows } = await served().strata.query<{ session_id: string }>(
    `select session_id
     from sessions
     where $1 in (a_addr, b_addr)
     order by status in ('waiting', 'invited', 'active') desc, $2 in (a_addr, b_addr) desc, session_id desc
     limit 1`,
    [as.address, other.address],
  )
  return await act(as, rows[0]?.session_id ?? '1', what)
}

test('whatever five wallets do, at random and several at once, no session is there twice and none between two who are blocked', async () => {
  const { db } = served().database
  const done = new Map<number, number>()
  await checkProperty(
    'wallets at random',
    fc.array(fc.array(command, { minLength: 1, maxLength: 6 }), { minLength: 4, maxLength: 10 }),
    async (rounds) => {
      await clear(db)
      for (const round of rounds) {
        const answers = await Promise.all(round.map(async (one) => await carryOut(one)))
        for (const { status, body } of answers) {
          expect([200, 201, 400, 403, 404, 409], JSON.stringify(body)).toContain(status)
          done.set(status, (done.get(status) ?? 0) + 1)
        }
        await expectInvariants(db)
      }
    },
    { runs: 12 },
  )
  // Something came of it, and something was refused.
  expect([done.get(200) ?? 0, done.get(201) ?? 0, done.get(409) ?? 0].every((count) => count > 0)).toBe(true)
  expect(served().lines).toEqual([])
})
