// Live events as a page gets them: from the WAL of a real server, through the service, by its routes and with its rules of who may hear what.
// A wallet hears of its own sessions and of no others, moderators hear of reports, and whoever was away gets what was missed.

import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { TopicSpec } from 'pgstrata'
import { followLive } from 'pgstrata/live-client/node'
import { mayHear } from '../../../examples/sessions/src/api/live.ts'
import { openService } from '../../../examples/sessions/src/service.ts'
import { waitUntil } from '../../support/wait.ts'
import { demo, demoWallet, useLiveService } from './page-support.ts'
import { askAs, signIn, type SignedIn } from './people.ts'
import { ask, generous, testConfig } from './service-support.ts'

const service = useLiveService()
let people: { readonly ada: SignedIn; readonly bela: SignedIn; readonly cleo: SignedIn }
let moderator: string

beforeAll(async () => {
  const [ada, bela, cleo] = [
    await signIn(service(), 'ada'),
    await signIn(service(), 'bela'),
    await signIn(service(), 'cleo'),
  ]
  people = { ada, bela, cleo }
  moderator = await signInByDemo(demoWallet('Ines').address)
})

/** As the page does it; gives the token. */
async function signInByDemo(address: string): Promise<string> {
  const { nonce, message } = (await ask(service(), '/auth/nonce', { body: { address } })).body
  const { signature } = (await ask(service(), '/demo/sign', { body: { address, message } })).body
  return String((await ask(service(), '/auth/verify', { body: { address, nonce, signature } })).body['token'])
}

interface Heard {
  readonly events: { readonly kind: string; readonly id: string; readonly status: string | null | undefined }[]
  readonly rows: (Readonly<Record<string, unknown>> | undefined)[]
  readonly refreshes: string[]
  readonly close: () => void
}

interface Listening {
  readonly token: string
  readonly topics: readonly TopicSpec[]
  readonly lastEventId?: string
}

/** Connected when it returns. */
async function listen({ token, topics, lastEventId }: Listening): Promise<Heard> {
  const heard: Omit<Heard, 'close'> = { events: [], rows: [], refreshes: [] }
  let isOpen = false
  const client = followLive({
    url: `${service().url}/live`,
    // As a browser has it.
    headers: { cookie: `sessions_token=${token}` },
    ...(lastEventId === undefined ? {} : { lastEventId }),
    subscriptions: topics.map((topic) => ({
      topic,
      onChange: ({ kind, id, row }) => {
        heard.events.push({ kind, id, status: row?.['status'] })
        heard.rows.push(row)
      },
    })),
    onRefresh: ({ id }) => void heard.refreshes.push(id),
    onState: (state) => (isOpen = state === 'open'),
  })
  onTestFinished(() => client.close())
  await waitUntil(() => isOpen, { what: 'it is connected' })
  return { ...heard, close: () => client.close() }
}

const ofWallet = ({ address }: { readonly address: string }): readonly TopicSpec[] => [
  { table: 'sessions', where: { a_addr: address } },
  { table: 'sessions', where: { b_addr: address } },
]

const hears = (heard: Heard, status: string): Promise<unknown> =>
  waitUntil(() => heard.events.some((event) => event.status === status), { what: `that a session is ${status}` })

async function statusOf(topics: unknown, token?: string): Promise<number> {
  const stop = new AbortController()
  const response = await fetch(`${service().url}/live?topics=${encodeURIComponent(JSON.stringify(topics))}`, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    signal: stop.signal,
  })
  stop.abort()
  return response.status
}

async function meet(
  one: SignedIn,
  other: SignedIn,
  whenInvited: () => Promise<unknown> = () => Promise.resolve(),
): Promise<string> {
  const invited = await askAs(one, '/sessions', { body: { invite: other.address } })
  const { session_id: id } = invited.body['session'] as { readonly session_id: string }
  await whenInvited()
  const accepted = await askAs(other, `/sessions/${id}/accept`, { method: 'POST' })
  expect([invited.status, accepted.status]).toEqual([201, 200])
  return id
}

const end = async (who: SignedIn, id: string): Promise<void> => {
  expect((await askAs(who, `/sessions/${id}/end`, { method: 'POST' })).status).toBe(200)
}

describe('sessions', () => {
  test('both wallets hear of each step of theirs, and nobody else of any', async () => {
    const { ada, bela, cleo } = people
    const hearing = async (one: SignedIn): Promise<Heard> => await listen({ token: one.token, topics: ofWallet(one) })
    const [ofAda, ofBela, ofCleo] = await Promise.all([hearing(ada), hearing(bela), hearing(cleo)])
    const id = await meet(ada, bela)
    for (const heard of [ofAda, ofBela]) await hears(heard, 'active')
    await end(bela, id)
    for (const heard of [ofAda, ofBela]) await hears(heard, 'ended')
    // What comes afterwards has come: what went before it would have, too.
    const own = await askAs(cleo, '/sessions/match', { method: 'POST' })
    expect(own.status).toBe(200)
    await hears(ofCleo, 'waiting')
    expect(ofCleo.events.map(({ kind }) => kind)).toEqual(['insert'])
    expect(ofCleo.rows.map((row) => row?.['a_addr'])).toEqual([cleo.address])
    expect(ofAda.rows.some((row) => row?.['b_addr'] === bela.address)).toBe(true)
    const { session_id } = own.body['session'] as { readonly session_id: string }
    await askAs(cleo, `/sessions/${session_id}/cancel`, { method: 'POST' })
  })

  test('who waited hears of whom was found, and who was found may ask with the id of that event', async () => {
    const { ada, cleo } = people
    const heard = await listen({ token: ada.token, topics: ofWallet(ada) })
    await askAs(ada, '/sessions/match', { method: 'POST' })
    const matched = await askAs(cleo, '/sessions/match', { method: 'POST' })
    const { session_id: id, status } = matched.body['session'] as {
      readonly session_id: string
      readonly status: string
    }
    expect(status).toBe('active')
    await hears(heard, 'active')
    const event = heard.events.find((one) => one.status === 'active')
    const current = await askAs(ada, '/sessions/current', { headers: { 'x-event-id': event?.id ?? '' } })
    expect(current.body['session']).toMatchObject({ session_id: id, status: 'active', b_addr: cleo.address })
    await end(ada, id)
    await hears(heard, 'ended')
  })

  test('nothing is heard of a report by who is reported, while the session lasts or afterwards', async () => {
    const { ada, bela } = people
    const heard = await listen({ token: bela.token, topics: ofWallet(bela) })
    const report = async (id: string): Promise<void> => {
      const { status } = await askAs(ada, '/reports', { body: { session_id: id, reason: 'spam' } })
      expect(status).toBe(201)
    }
    const seen = async (id: string): Promise<unknown> => (await askAs(bela, `/sessions/${id}`)).body
    // Of two changes of a session that wait to be told, the later one is.
    const isHeard = async (status: string, times: number): Promise<unknown> =>
      await waitUntil(() => heard.events.filter((event) => event.status === status).length === times, {
        what: `that session ${times} is ${status}`,
      })
    const first = await meet(ada, bela, () => isHeard('invited', 1))
    await isHeard('active', 1)
    const before = await seen(first)
    await report(first)
    expect(await seen(first)).toEqual(before)
    await end(ada, first)
    await isHeard('ended', 1)
    const second = await meet(ada, bela, () => isHeard('invited', 2))
    await isHeard('active', 2)
    await end(ada, second)
    await isHeard('ended', 2)
    await report(second)
    // What comes afterwards has come: what went before it would have, too.
    const last = await meet(ada, bela, () => isHeard('invited', 3))
    await isHeard('active', 3)
    expect(heard.events.map(({ kind, status }) => [kind, status])).toEqual([
      ['insert', 'invited'],
      ['update', 'active'],
      ['update', 'ended'],
      ['insert', 'invited'],
      ['update', 'active'],
      ['update', 'ended'],
      ['insert', 'invited'],
      ['update', 'active'],
    ])
    await end(ada, last)
  })

  test('whoever was away gets what was missed, once, and is not told to begin anew', async () => {
    const { ada, bela } = people
    const first = await listen({ token: ada.token, topics: ofWallet(ada) })
    const id = await meet(ada, bela)
    await hears(first, 'active')
    first.close()
    const lastEventId = first.events.at(-1)?.id ?? ''
    await end(bela, id)
    const second = await listen({ token: ada.token, topics: ofWallet(ada), lastEventId })
    await hears(second, 'ended')
    expect(second.refreshes).toEqual([])
    expect(second.events.filter(({ status }) => status === 'ended')).toHaveLength(1)
  })
})

describe('who may hear', () => {
  test('moderators hear of reports', async () => {
    const { ada, bela } = people
    const heard = await listen({ token: moderator, topics: [{ table: 'reports' }] })
    const id = await meet(ada, bela)
    await end(ada, id)
    await askAs(bela, '/reports', { body: { session_id: id, reason: 'scam', detail: 'A secret of two.' } })
    await waitUntil(() => heard.events.length > 0, { what: 'the report' })
    expect(heard.rows[0]).toMatchObject({ reason: 'scam', status: 'open' })
    // What somebody wrote, who did, and of whom, is read, and not told around: it may be of one of them.
    expect(JSON.stringify(heard.rows)).not.toMatch(/secret/)
    for (const { address } of [ada, bela]) expect(JSON.stringify(heard.rows)).not.toContain(address)
    expect(heard.rows[0]).not.toHaveProperty('session_id')
  })

  test('who may not hear of something is refused before the stream begins', async () => {
    const { ada, bela } = people
    for (const topics of [
      [{ table: 'sessions' }],
      [{ table: 'sessions', where: { a_addr: bela.address } }],
      [{ table: 'sessions', where: { a_addr: [ada.address, bela.address] } }],
      [{ table: 'sessions', where: { status: 'active' } }],
      [{ table: 'sessions', key: { session_id: '1' } }],
      [{ table: 'sessions', where: { b_addr: null } }],
      [{ table: 'reports' }],
      [{ rollup: 'sessions_hourly' }],
      [...ofWallet(ada), { table: 'reports' }],
    ])
      expect(await statusOf(topics, ada.token), JSON.stringify(topics)).toBe(403)
    expect(await statusOf(ofWallet(ada), ada.token)).toBe(200)
    expect(await statusOf([{ table: 'reports' }, { rollup: 'reports_daily' }], moderator)).toBe(200)
    expect(await statusOf(ofWallet(ada))).toBe(403)
    expect(await statusOf(ofWallet(ada), `${ada.token.slice(0, -2)}xx`)).toBe(403)
    expect(await statusOf([{ table: 'users' }], moderator)).toBe(400)
  })

  test('a condition more does not let in, and does not keep out', () => {
    const hearer = { address: '0xa', isModerator: false }
    expect(mayHear({ table: 'sessions', where: { a_addr: '0xa', status: 'active' } }, hearer)).toBe(true)
    expect(mayHear({ table: 'sessions', where: { a_addr: ['0xa'] } }, hearer)).toBe(true)
    expect(mayHear({ table: 'sessions', where: { a_addr: '0xb', b_addr: '0xa' } }, hearer)).toBe(true)
    expect(mayHear({ table: 'sessions', key: { a_addr: '0xa' } }, hearer)).toBe(false)
    expect(mayHear({ table: 'sessions', where: { a_addr: [] } }, hearer)).toBe(false)
    expect(mayHear({ table: 'balances' }, { ...hearer, isModerator: true })).toBe(false)
  })

  test('whose wallet is kept out hears no more when it comes back', async () => {
    const dora = await signIn(service(), 'dora')
    expect(await statusOf(ofWallet(dora), dora.token)).toBe(200)
    await service().strata.pool.query(`update users set status = 'suspended' where address = $1`, [dora.address])
    await waitUntil(async () => (await statusOf(ofWallet(dora), dora.token)) === 403, { what: 'the feed tells of it' })
  })
})

describe('the wallets of the demonstration', () => {
  test('are listed with who moderates, and sign nothing for anybody else', async () => {
    const { wallets } = (await ask(service(), '/demo/wallets')).body as {
      readonly wallets: readonly Record<string, unknown>[]
    }
    expect(wallets.map(({ address }) => address)).toEqual(demo.map(({ address }) => address))
    expect(wallets.filter((wallet) => wallet['is_moderator'])).toHaveLength(1)
    expect(JSON.stringify(wallets)).not.toMatch(/key/i)
    const refused = await ask(service(), '/demo/sign', { body: { address: people.ada.address, message: 'x' } })
    expect(refused.status).toBe(404)
  })

  test('are not there unless the service is given some', async () => {
    const config = testConfig({ url: service().cluster.primary.url(), months: 4 })
    const other = await openService({ config, port: 0, background: false, limits: generous })
    onTestFinished(() => other.close())
    expect((await ask(other, '/demo/wallets')).status).toBe(404)
    expect((await ask(other, '/demo/sign', { body: { address: demo[0]?.address, message: 'x' } })).status).toBe(404)
  })
})

test('when the service ends, streams end with it at once', async () => {
  const config = testConfig({ url: service().cluster.primary.url(), months: 4 })
  const other = await openService({ config, port: 0, background: false, limits: generous })
  const ada = await signIn(other, 'ada')
  const response = await fetch(`${other.url}/live?topics=${encodeURIComponent(JSON.stringify(ofWallet(ada)))}`, {
    headers: { authorization: `Bearer ${ada.token}` },
  })
  const ended = response.text()
  await other.close()
  expect(await ended).toContain('retry:')
})
