// Profiles and balances over HTTP: who may see whom, what somebody may say of themselves, and numbers that are never rounded.

import { beforeAll, describe, expect, test } from 'vitest'
import { waitUntil } from '../../support/wait.ts'
import { askAs, personOf, signIn, type SignedIn } from './people.ts'
import { ask, useService } from './service-support.ts'

const served = useService({ background: true, moderators: [personOf('moderator').address] })
let ada: SignedIn
let bob: SignedIn
let moderator: SignedIn
beforeAll(async () => {
  await waitUntil(() => served().strata.changes.here.handled !== undefined, { what: 'the feed consumes' })
  ada = await signIn(served(), 'ada')
  bob = await signIn(served(), 'bob')
  moderator = await signIn(served(), 'moderator')
})

describe('a profile', () => {
  test('is what its wallet says of itself, for everybody who has signed in', async () => {
    const change = { display_name: 'Ada L.', bio: 'Numbers' }
    const changed = await askAs(ada, '/users/me', { method: 'PATCH', body: change })
    expect([changed.status, changed.body]).toMatchObject([200, { address: ada.address, ...change, status: 'active' }])
    await waitUntil(async () => (await askAs(bob, `/users/${ada.address}`)).body['display_name'] === 'Ada L.', {
      what: 'that others see it',
    })
    const upper = `0x${ada.address.slice(2).toUpperCase()}`
    expect((await askAs(bob, `/users/${upper}`)).body).toMatchObject({ address: ada.address, ...change })
    expect((await ask(served(), `/users/${ada.address}`)).status).toBe(401)
    const emptied = await askAs(ada, '/users/me', { method: 'PATCH', body: { bio: null } })
    expect(emptied.body).toMatchObject({ display_name: 'Ada L.', bio: null })
  })

  test.each([
    [{}, 'body'],
    [{ display_name: '' }, 'body.display_name'],
    [{ display_name: '   ' }, 'body.display_name'],
    [{ display_name: 'a'.repeat(61) }, 'body.display_name'],
    [{ display_name: 'a\0b' }, 'body.display_name'],
    [{ bio: 'a'.repeat(501) }, 'body.bio'],
    [{ status: 'active' }, 'body'],
    [{ address: '0x' }, 'body'],
  ])('%j is refused', async (body, where) => {
    const answer = await askAs(ada, '/users/me', { method: 'PATCH', body })
    expect([answer.status, answer.body.error?.code]).toEqual([400, 'BAD_INPUT'])
    expect(answer.body.error?.message).toMatch(new RegExp(`^${where.replace('.', '\\.')}: expected `))
  })

  test('of a wallet that nobody knows is not there, and neither is what is no wallet', async () => {
    expect((await askAs(bob, `/users/0x${'0'.repeat(40)}`)).status).toBe(404)
    expect((await askAs(bob, '/users/ada')).status).toBe(400)
  })

  test.each([
    ['who blocked', () => [ada, bob] as const],
    ['who was blocked', () => [bob, ada] as const],
  ])('is hidden from %s, by address and in searches, until the block ends', async (_, pair) => {
    const [viewer, other] = pair()
    const { query } = served().strata
    await query("update users set display_name = 'Zed ' || substr(address, 3, 4) where address = any ($1)", [
      [ada.address, bob.address],
    ])
    const sees = async (): Promise<readonly unknown[]> => [
      (await askAs(viewer, `/users/${other.address}`)).status,
      ...(await Promise.all(
        ['zed', other.address.slice(0, 12)].map(async (prefix) => {
          const { body } = await askAs(viewer, `/users?prefix=${prefix}`)
          return (body['users'] as { address: string }[]).some(({ address }) => address === other.address)
        }),
      )),
    ]
    const until = async (wanted: readonly unknown[]): Promise<void> =>
      void (await waitUntil(async () => String(await sees()) === String(wanted), { what: String(wanted) }))
    await until([200, true, true])
    await query('insert into blocks (blocker, blocked) values ($1, $2)', [viewer.address, other.address])
    await until([404, false, false])
    expect((await askAs(other, `/users/${viewer.address}`)).status).toBe(404)
    expect((await askAs(moderator, `/users/${other.address}`)).status).toBe(200)
    await query('delete from blocks', [])
    await until([200, true, true])
  })

  test('of somebody who is banned is there for moderators alone', async () => {
    const eve = await signIn(served(), 'eve')
    expect((await askAs(bob, `/users/${eve.address}`)).status).toBe(200)
    await served().strata.query("update users set status = 'banned' where address = $1", [eve.address])
    await waitUntil(async () => (await askAs(bob, `/users/${eve.address}`)).status === 404, {
      what: 'that it is hidden',
    })
    expect((await askAs(moderator, `/users/${eve.address}`)).body).toMatchObject({ status: 'banned' })
  })

  test.each(['/users', '/users?prefix=a', `/users?prefix=${'a'.repeat(61)}`, '/users?prefix=ada&limit=51'])(
    '%s is refused',
    async (path) => expect((await askAs(bob, path)).status).toBe(400),
  )
})

describe('balances', () => {
  const write = (balances: readonly object[], as = moderator) => askAs(as, '/balances', { body: { balances } })
  const read = async (of: { readonly address: string }): Promise<unknown> =>
    (await ask(served(), `/balances/${of.address}`)).body['balances']
  const most = '9'.repeat(38)

  test('are whole units, however many, and everybody may ask', async () => {
    const rows = [
      { address: ada.address.toUpperCase().replace('0X', '0x'), token: 'ETH', amount: most },
      { address: ada.address, token: 'DAI', amount: '0' },
    ]
    expect((await write(rows)).body).toEqual({ written: 2, kept: 0, unknown: [] })
    await waitUntil(async () => JSON.stringify(await read(ada)).includes(most), { what: 'that it is there' })
    expect(await read(ada)).toMatchObject([
      { token: 'DAI', amount: '0' },
      { token: 'ETH', amount: most },
    ])
    expect(await read({ address: `0x${'0'.repeat(40)}` })).toEqual([])
  })

  test('that were read earlier overwrite none that were read later, and the same batch again changes nothing', async () => {
    const [early, late] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z']
    const of = (at: string, amount: string): object => ({ address: bob.address, token: 'ETH', amount, at })
    expect((await write([of(late, '2'), of(early, '1')])).body).toMatchObject({ written: 1, kept: 0 })
    expect((await write([of(early, '1')])).body).toMatchObject({ written: 0, kept: 1 })
    expect((await write([of(late, '2')])).body).toMatchObject({ written: 0, kept: 1 })
    expect(await read(bob)).toMatchObject([{ token: 'ETH', amount: '2' }])
  })

  test('of wallets that nobody knows are told and left out', async () => {
    const unknown = `0x${'1'.repeat(40)}`
    const rows = [unknown, bob.address].map((address) => ({ address, token: 'OP', amount: '7' }))
    expect((await write(rows)).body).toEqual({ written: 1, kept: 0, unknown: [unknown] })
  })

  test('are written by operators alone', async () => {
    const rows = [{ address: bob.address, token: 'OP', amount: '8' }]
    expect((await write(rows, bob)).status).toBe(403)
    expect((await ask(served(), '/balances', { body: { balances: rows } })).status).toBe(401)
  })

  test.each([
    { token: 'NONE' },
    { amount: '-1' },
    { amount: '1.5' },
    { amount: '1e3' },
    { amount: '1'.repeat(39) },
    { amount: '01' },
    { at: 'yesterday' },
    { at: '2999-01-01T00:00:00Z' },
    { address: '0x1' },
    { more: 1 },
  ])('%j is refused', async (wrong) => {
    const answer = await write([{ address: bob.address, token: 'ETH', amount: '1', ...wrong }])
    expect([answer.status, answer.body.error?.code]).toEqual([400, 'BAD_INPUT'])
  })
})

test('nothing went wrong that nobody expected', () => {
  expect(served().lines).toEqual([])
})
