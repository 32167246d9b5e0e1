// Sessions and blocks over HTTP: what is told, to whom, in which order and by pages; what is refused, and how.

import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sql } from 'pgstrata'
import { warmUp } from '../../../examples/sessions/src/api/warm-up.ts'
import { createTokens } from '../../../examples/sessions/src/auth/tokens.ts'
import { waitUntil } from '../../support/wait.ts'
import { expectWarmed } from '../support/warmed.ts'
import { askAs, personOf, signInAll, type SignedIn } from './people.ts'
import { ask, secret, useService } from './service-support.ts'
import { act, block, clear, invite, match, putSession, sessionOf, unblock } from './session-support.ts'

const served = useService({ background: true })
let [ada, bob, eve] = [] as unknown as readonly [SignedIn, SignedIn, SignedIn]

beforeAll(async () => {
  await waitUntil(() => served().strata.changes.here.handled !== undefined, { what: 'the feed consumes' })
  ;[ada, bob, eve] = (await signInAll(served(), ['ada', 'bob', 'eve'])) as unknown as readonly [
    SignedIn,
    SignedIn,
    SignedIn,
  ]
})
beforeEach(async () => await clear(served().database.db))

const current = async (as: SignedIn): Promise<unknown> => (await askAs(as, '/sessions/current')).body['session']

describe('a session', () => {
  test('from two who ask to be matched to one who ends it', async () => {
    const first = await match(ada)
    expect([first.status, sessionOf(first)]).toMatchObject([
      200,
      { a_addr: ada.address, b_addr: null, status: 'waiting', started_at: null, ended_at: null },
    ])
    expect(await current(ada)).toEqual(sessionOf(first))
    // Asked again it is the same one, and lasts longer.
    expect(sessionOf(await match(ada)).session_id).toBe(sessionOf(first).session_id)
    const second = sessionOf(await match(bob))
    expect(second).toMatchObject({ session_id: sessionOf(first).session_id, status: 'active', b_addr: bob.address })
    for (const one of [ada, bob]) expect(await current(one)).toEqual(second)
    expect(sessionOf(await match(ada))).toEqual(second)
    const ended = sessionOf(await act(bob, second.session_id, 'end'))
    expect(ended).toMatchObject({ status: 'ended', ended_by: bob.address, ended_at: expect.any(String) as string })
    expect([await current(ada), await current(bob)]).toEqual([null, null])
    expect(ended).not.toHaveProperty('reported_at')
    // They have just met.
    await match(ada)
    expect(sessionOf(await match(bob)).status).toBe('waiting')
  })

  test('is no longer looked for when nobody came in time, before a job has written that down', async () => {
    const { session_id } = sessionOf(await match(ada))
    await served().database.db.query(sql`update sessions set expires_at = now() - interval '1 second'`)
    expect(await current(ada)).toBeNull()
    expect(sessionOf(await match(bob)).status).toBe('waiting')
    await act(bob, sessionOf(await match(bob)).session_id, 'cancel')
    // Who asks again keeps the place.
    expect(sessionOf(await match(ada)).session_id).toBe(session_id)
    expect(await current(ada)).toMatchObject({ session_id, status: 'waiting' })
  })

  test('is not had with the same one within an hour of the end, however long it was waited for, and again after it', async () => {
    const id = await putSession(served().database.db, { a: ada.address, b: bob.address, status: 'ended' })
    await served().database.db.query(
      sql`update sessions set ended_at = now() - interval '59 minutes' where session_id = ${id}::bigint`,
    )
    await match(ada)
    expect(sessionOf(await match(bob)).status).toBe('waiting')
    await served().database.db.query(
      sql`update sessions set ended_at = now() - interval '61 minutes' where session_id = ${id}::bigint`,
    )
    expect(sessionOf(await match(bob)).status).toBe('active')
  })

  test('by invitation, which may be taken back, declined and accepted', async () => {
    const first = await invite(ada, bob)
    expect([first.status, sessionOf(first)]).toMatchObject([
      201,
      { a_addr: ada.address, b_addr: bob.address, status: 'invited' },
    ])
    const open = await askAs(bob, '/sessions?status=invited')
    expect(open.body).toEqual({ sessions: [sessionOf(first)], next: null })
    expect([await current(ada), await current(bob)]).toEqual([null, null])
    const again = await invite(ada, bob)
    expect([again.status, again.body.error]).toMatchObject([
      409,
      { details: { session_id: sessionOf(first).session_id } },
    ])
    expect((await invite(bob, ada)).status).toBe(409)
    expect(sessionOf(await act(ada, sessionOf(first).session_id, 'cancel')).status).toBe('cancelled')
    const second = sessionOf(await invite(bob, ada))
    expect(sessionOf(await act(ada, second.session_id, 'decline')).status).toBe('declined')
    const third = sessionOf(await invite(bob, ada))
    expect(sessionOf(await act(ada, third.session_id, 'accept')).status).toBe('active')
    expect((await invite(bob, eve)).status).toBe(409)
  })

  test('that nobody answered in time does not keep the next one away', async () => {
    const first = sessionOf(await invite(ada, bob))
    await served().database.db.query(
      sql`update sessions set expires_at = now() where session_id = ${first.session_id}::bigint`,
    )
    const second = await invite(ada, bob)
    expect(second.status).toBe(201)
    await waitUntil(async () => sessionOf(await askAs(bob, `/sessions/${first.session_id}`)).status === 'expired', {
      what: 'that the first has expired',
    })
  })

  test('of somebody else is not there, whatever is asked of it', async () => {
    const { session_id } = sessionOf(await invite(ada, bob))
    expect((await askAs(ada, `/sessions/${session_id}`)).body['session']).toMatchObject({ session_id })
    for (const path of [`/sessions/${session_id}`, '/sessions/999999'])
      expect((await askAs(eve, path)).body.error).toEqual({ code: 'NOT_FOUND', message: 'There is no such session' })
    for (const action of ['accept', 'decline', 'cancel', 'end'])
      expect((await act(eve, session_id, action)).status).toBe(404)
    expect((await askAs(eve, '/sessions')).body).toEqual({ sessions: [], next: null })
  })

  test('that is kept is what it has become, for whoever asks', async () => {
    const { session_id } = sessionOf(await invite(ada, bob))
    const read = async (as: SignedIn): Promise<string> => sessionOf(await askAs(as, `/sessions/${session_id}`)).status
    expect([await read(ada), await read(ada), await read(bob)]).toEqual(['invited', 'invited', 'invited'])
    await act(bob, session_id, 'accept')
    await waitUntil(async () => (await read(ada)) === 'active' && (await read(bob)) === 'active', {
      what: 'that both see it',
    })
  })
})

describe('lists', () => {
  test('come in pages, the newest first, those that began in one moment too', async () => {
    const { db } = served().database
    for (let count = 0; count < 9; count++)
      await putSession(db, {
        a: count % 2 === 0 ? ada.address : bob.address,
        b: count % 2 === 0 ? bob.address : ada.address,
        status: 'ended',
      })
    await db.query(
      sql`update sessions set created_at = date_trunc('hour', now()) + (session_id / 3) * interval '1 microsecond'`,
    )
    const { rows } = await db.query<{ id: string }>(
      sql`select session_id::text as id from sessions order by created_at desc, session_id desc`,
    )
    const ids: string[] = []
    for (let next: string | null = ''; next !== null;) {
      const { status, body } = await askAs(ada, `/sessions?limit=2${next === '' ? '' : `&cursor=${next}`}`)
      expect(status, JSON.stringify(body)).toBe(200)
      ids.push(...(body['sessions'] as { session_id: string }[]).map(({ session_id }) => session_id))
      next = body['next'] as string | null
    }
    expect(ids).toEqual(rows.map(({ id }) => id))
    expect((await askAs(ada, '/sessions?status=declined')).body['sessions']).toEqual([])
    expect((await askAs(ada, '/sessions?status=ended&limit=100')).body['sessions']).toHaveLength(9)
  })

  test('of blocks as well, and they are of the own ones alone', async () => {
    const { db } = served().database
    const others = Array.from({ length: 5 }, (_, index) => personOf(`other ${index}`).address)
    for (const other of others) {
      await db.query(sql`insert into users (address) values (${other}) on conflict do nothing`)
      expect((await block(ada, { address: other })).status).toBe(200)
    }
    await db.query(sql`update blocks set created_at = date_trunc('hour', now())`)
    await block(bob, ada)
    const found: string[] = []
    for (let next: string | null = ''; next !== null;) {
      const { body } = await askAs(ada, `/blocks?limit=2${next === '' ? '' : `&cursor=${next}`}`)
      found.push(...(body['blocks'] as { blocked: string }[]).map(({ blocked }) => blocked))
      next = body['next'] as string | null
    }
    expect(found).toEqual(others.toSorted().toReversed())
  })
})

describe('a block', () => {
  test('is there once, with the reason that was said last, and goes when it is taken back', async () => {
    const put = (body: object) => askAs(ada, `/blocks/${bob.address}`, { method: 'PUT', body })
    expect((await put({ reason: 'rude' })).body['block']).toMatchObject({ blocked: bob.address, reason: 'rude' })
    expect((await put({})).body['block']).toMatchObject({ reason: 'rude' })
    expect((await put({ reason: 'very rude' })).body['block']).toMatchObject({ reason: 'very rude' })
    expect((await askAs(ada, `/blocks/${bob.address}`)).body['block']).toMatchObject({ reason: 'very rude' })
    // Who is blocked is not told.
    expect((await askAs(bob, `/blocks/${ada.address}`)).status).toBe(404)
    expect((await unblock(ada, bob)).body).toEqual({ unblocked: bob.address })
    expect([(await unblock(ada, bob)).status, (await askAs(ada, `/blocks/${bob.address}`)).status]).toEqual([404, 404])
  })

  test('ends a session, keeps the two from being matched or inviting each other, and hides the profile, until it ends', async () => {
    await match(ada)
    const { session_id } = sessionOf(await match(bob))
    await block(ada, bob)
    expect(sessionOf(await askAs(ada, `/sessions/${session_id}`))).toMatchObject({
      status: 'ended',
      ended_by: ada.address,
    })
    expect((await invite(ada, bob)).status).toBe(409)
    // To the one who is blocked, as of a wallet that never was here.
    const hidden = await invite(bob, ada)
    const unknown = await invite(bob, { address: `0x${'0'.repeat(40)}` })
    expect([hidden.status, hidden.body]).toEqual([404, unknown.body])
    await served().database.db.query(sql`delete from sessions`)
    await match(ada)
    expect(sessionOf(await match(bob)).status).toBe('waiting')
    await waitUntil(async () => (await askAs(bob, `/users/${ada.address}`)).status === 404, {
      what: 'that the profile is hidden',
    })
    // Somebody else is matched with the one who waits longest.
    expect(sessionOf(await match(eve))).toMatchObject({ status: 'active', a_addr: ada.address })
    await unblock(ada, bob)
    await waitUntil(async () => (await askAs(bob, `/users/${ada.address}`)).status === 200, {
      what: 'that it is there again',
    })
    expect((await invite(bob, ada)).status).toBe(201)
  })

  test('of oneself is refused; of a wallet that nobody knows it is as of one that is hidden', async () => {
    expect((await block(ada, ada)).status).toBe(400)
    await block(bob, ada)
    const nobody = { address: `0x${'0'.repeat(40)}` }
    const [hidden, unknown] = [await block(ada, bob), await block(ada, nobody)]
    expect([hidden.status, unknown.status]).toEqual([200, 200])
    expect(Object.keys(unknown.body['block'] as object)).toEqual(Object.keys(hidden.body['block'] as object))
    expect((await unblock(ada, nobody)).body).toEqual({ unblocked: nobody.address })
  })
})

describe('refused is', () => {
  test.each([
    ['POST', '/sessions', {}],
    ['POST', '/sessions', { invite: 'bob' }],
    ['POST', '/sessions', { invite: `0x${'1'.repeat(40)}`, more: 1 }],
    ['POST', '/sessions', []],
    ['POST', '/sessions/one/accept', undefined],
    ['POST', '/sessions/0/end', undefined],
    ['POST', '/sessions/1234567890123456789/end', undefined],
    ['GET', '/sessions/one', undefined],
    ['GET', '/sessions?status=over', undefined],
    ['GET', '/sessions?limit=0', undefined],
    ['GET', '/sessions?limit=101', undefined],
    ['GET', '/sessions?cursor=x', undefined],
    ['GET', '/sessions?more=1', undefined],
    ['GET', '/blocks?cursor=%00', undefined],
    ['GET', '/blocks/bob', undefined],
    ['PUT', '/blocks/bob', {}],
    ['PUT', `/blocks/0x${'1'.repeat(40)}`, { reason: '' }],
    ['PUT', `/blocks/0x${'1'.repeat(40)}`, { reason: 'a\0b' }],
    ['DELETE', '/blocks/bob', undefined],
  ] as const)('%s %s %j, which says what was expected', async (method, path, body) => {
    const answer = await askAs(ada, path, { method, ...(body === undefined ? {} : { body }) })
    expect([answer.status, answer.body.error?.code]).toEqual([400, 'BAD_INPUT'])
    expect(answer.body.error?.message).toContain('expected')
  })

  test.each([
    ['POST', '/sessions/match'],
    ['POST', '/sessions/1/end'],
    ['GET', '/sessions'],
    ['GET', '/sessions/current'],
    ['GET', '/sessions/1'],
    ['GET', '/blocks'],
    ['GET', `/blocks/0x${'1'.repeat(40)}`],
    ['DELETE', `/blocks/0x${'1'.repeat(40)}`],
    ['POST', '/auth/logout'],
    ['GET', '/auth/session'],
  ] as const)('%s %s to who has not signed in', async (method, path) => {
    for (const headers of [{}, { authorization: 'Bearer v1.forged' }]) {
      const answer = await ask(served(), path, { method, headers })
      expect([answer.status, answer.body.error?.code]).toEqual([401, 'UNAUTHORIZED'])
    }
  })

  test('the eleventh invitation, oneself, and a wallet that is kept out', async () => {
    expect((await invite(ada, ada)).status).toBe(400)
    const { db } = served().database
    for (let count = 0; count < 10; count++) {
      const other = personOf(`invited ${count}`)
      await db.query(sql`insert into users (address) values (${other.address}) on conflict do nothing`)
      expect((await invite(ada, other)).status).toBe(201)
    }
    expect((await invite(ada, bob)).body.error?.message).toContain('At most 10')
    await db.query(sql`update users set status = 'banned' where address = ${eve.address}`)
    expect((await invite(bob, eve)).status).toBe(404)
    await db.query(sql`update users set status = 'active'`)
  })
})

test('the service asks everything of itself before the first client does', async () => {
  await putSession(served().database.db, { a: ada.address, b: bob.address, status: 'ended' })
  const [{ token_epoch: epoch } = { token_epoch: 0 }] = (
    await served().strata.query<{ token_epoch: number }>('select token_epoch from users where address = $1', [
      ada.address,
    ])
  ).rows
  expect(epoch).toBe(0)
  expectWarmed(await warmUp(served().app, { strata: served().strata, tokens: createTokens({ secret }) }))
  expect(served().lines).toEqual([])
})
