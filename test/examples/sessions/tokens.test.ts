// Tokens over HTTP: those that were changed, are past their time or were signed out count no more, and neither do those of wallets that are kept
// out, from the moment that it is written, by plain SQL too.

import fc from 'fast-check'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { sql } from 'pgstrata'
import { cookieOf, noCookieOf } from '../../../examples/sessions/src/auth/bearer.ts'
import { createTokens, tokenLifeMs } from '../../../examples/sessions/src/auth/tokens.ts'
import { openService } from '../../../examples/sessions/src/service.ts'
import { checkProperty } from '../../support/property.ts'
import { waitUntil } from '../../support/wait.ts'
import { askAs, personOf, signIn, type Person } from './people.ts'
import { ask, generous, secret, testConfig, useService, type Answer } from './service-support.ts'

const served = useService({ background: true, moderators: [personOf('mo').address] })
beforeAll(async () => {
  await waitUntil(() => served().strata.changes.here.handled !== undefined, { what: 'the feed consumes' })
})

const codeOf = ({ status, body }: Answer): readonly unknown[] => [status, body.error?.code]
const session = (token: string): Promise<Answer> =>
  ask(served(), '/auth/session', { headers: { authorization: `Bearer ${token}` } })

async function prove({ address, sign }: Person): Promise<Answer> {
  const { body } = await ask(served(), '/auth/nonce', { body: { address } })
  const { nonce, message } = body
  return await ask(served(), '/auth/verify', { body: { address, nonce, signature: sign(String(message)) } })
}

describe('a token', () => {
  test('counts until its time is over, and not a second longer', () => {
    let nowMs = 1_700_000_000_000
    const tokens = createTokens({ secret, now: () => nowMs })
    const of = { address: personOf('ada').address, epoch: 3 }
    const { token, expiresAt } = tokens.issue(of)
    nowMs += tokenLifeMs - 1
    expect(tokens.read(token)).toEqual({ ...of, expiresAt })
    nowMs += 1
    expect(tokens.read(token)).toBeUndefined()
  })

  test('that was changed anywhere is none, and neither is one of another secret', async () => {
    const tokens = createTokens({ secret })
    const { token } = tokens.issue({ address: personOf('ada').address, epoch: 0 })
    expect(createTokens({ secret: `${secret}.` }).read(token)).toBeUndefined()
    await checkProperty(
      'changed tokens',
      fc.tuple(
        fc.nat({ max: token.length - 1 }),
        fc.constantFrom(...'abcdef0123456789.-_ABCXYZ'.split('')),
        fc.constantFrom('put', 'cut', 'add'),
      ),
      ([at, letter, how]) => {
        const changed = `${token.slice(0, at)}${how === 'cut' ? '' : letter}${token.slice(how === 'add' ? at : at + 1)}`
        expect(changed === token || tokens.read(changed) === undefined).toBe(true)
      },
      { runs: 300 },
    )
  })

  test.each([
    ['none', undefined],
    ['something else', 'Basic YTpi'],
    ['no token', 'Bearer nothing'],
    ['a token of nobody', 'Bearer v1.0x0.0.0.'],
  ])('%s signs nobody in', async (_, authorization) => {
    const answer = await ask(served(), '/auth/session', {
      headers: authorization === undefined ? {} : { authorization },
    })
    expect(codeOf(answer)).toEqual([401, 'UNAUTHORIZED'])
  })

  test('comes by cookie too, but not from another site', async () => {
    const { token, address } = await signIn(served(), 'ada')
    const cookie = `other=1; sessions_token=${token}`
    expect((await ask(served(), '/auth/session', { headers: { cookie } })).body['address']).toBe(address)
    const elsewhere = await ask(served(), '/auth/session', { headers: { cookie, 'sec-fetch-site': 'cross-site' } })
    expect(elsewhere.status).toBe(401)
  })

  test('comes in a cookie that goes over https alone, where the site is there', () => {
    expect(cookieOf('v1', 'http://127.0.0.1:3003')).not.toContain('Secure')
    for (const cookie of [cookieOf('v1', 'https://sessions.example'), noCookieOf('https://sessions.example')])
      expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Secure; Max-Age=/)
  })

  test('ends at once when its wallet signs out, with every other one of that wallet and no other wallet’s', async () => {
    const first = await signIn(served(), 'leaving')
    const second = await signIn(served(), 'leaving')
    const other = await signIn(served(), 'staying')
    const all = async (): Promise<readonly number[]> =>
      (await Promise.all([first, second, other].map(({ token }) => session(token)))).map(({ status }) => status)
    expect(await all()).toEqual([200, 200, 200])
    const out = await askAs(first, '/auth/logout', { method: 'POST' })
    expect([out.status, out.headers.get('set-cookie')]).toEqual([200, expect.stringContaining('sessions_token=;')])
    expect(await all()).toEqual([401, 401, 200])
    expect((await askAs(second, '/auth/logout', { method: 'POST' })).status).toBe(401)
    expect((await session((await signIn(served(), 'leaving')).token)).status).toBe(200)
  })

  test('of who has signed out and in again counts at every service, also at one that has kept what was before', async () => {
    const { url } = served().database
    const other = await openService({
      config: testConfig({ url }),
      port: 0,
      background: false,
      secret,
      limits: generous,
    })
    onTestFinished(() => other.close())
    const at = async (token: string): Promise<number> =>
      (await ask(other, '/auth/session', { headers: { authorization: `Bearer ${token}` } })).status
    const before = await signIn(served(), 'again')
    expect(await at(before.token)).toBe(200)
    await askAs(before, '/auth/logout', { method: 'POST' })
    const after = await signIn(served(), 'again')
    expect([await at(after.token), await at(after.token), await at(before.token)]).toEqual([200, 200, 401])
  })

  test('of who signs in while signing out counts, or does not: never one for the other', async () => {
    const before = await signIn(served(), 'both')
    const [out, next] = await Promise.all([askAs(before, '/auth/logout', { method: 'POST' }), prove(before)])
    expect([out.status, next.status]).toEqual([200, 201])
    expect((await session(before.token)).status).toBe(401)
    const { rows } = await served().strata.query<{ token_epoch: number }>(
      'select token_epoch from users where address = $1',
      [before.address],
    )
    const read = createTokens({ secret }).read(String(next.body['token']))
    expect((await session(String(next.body['token']))).status).toBe(read?.epoch === rows[0]?.token_epoch ? 200 : 401)
  })

  test.each(['suspended', 'banned'] as const)(
    'of a wallet that is %s by plain SQL is refused as soon as that is seen, and it signs in no more',
    async (status) => {
      const person = await signIn(served(), status)
      expect((await session(person.token)).status).toBe(200)
      const write = (to: string): Promise<unknown> =>
        served().database.db.query(sql`update users set status = ${to} where address = ${person.address}`)
      await write(status)
      const refused = await waitUntil(
        async () => {
          const answer = await session(person.token)
          return answer.status === 200 ? undefined : answer
        },
        { what: `that ${status} is seen` },
      )
      const wanted = [403, `WALLET_${status.toUpperCase()}`]
      expect(codeOf(refused)).toEqual(wanted)
      expect(codeOf(await askAs(person, '/sessions/match', { method: 'POST' }))).toEqual(wanted)
      expect(codeOf(await prove(person))).toEqual(wanted)
      await write('active')
      await waitUntil(async () => (await session(person.token)).status === 200, { what: 'that it may take part again' })
    },
  )

  test('of a moderator says so, and what is for moderators is refused to others', async () => {
    const mo = await signIn(served(), 'mo')
    expect((await session(mo.token)).body['is_moderator']).toBe(true)
    expect((await askAs(mo, '/moderation/queue')).status).toBe(200)
    expect((await askAs(await signIn(served(), 'ada'), '/moderation/queue')).status).toBe(403)
  })
})
