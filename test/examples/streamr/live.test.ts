// Live events as a page gets them: from the WAL of a real server, through the service, by its routes and with its rules of who may hear
// what. What a comment, a node's state or a payout changes reaches who listens; what is none of somebody's business does not.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import type { TopicSpec } from 'pgstrata'
import { followLive } from 'pgstrata/live-client/node'
import { act } from '../../../examples/streamr/src/friends/store.ts'
import { openService, type Service } from '../../../examples/streamr/src/service.ts'
import { waitUntil } from '../../support/wait.ts'
import { addNode, addStream, addUser, ask, befriend, deployStreamr, testConfig } from './service-support.ts'

let cluster: EmbeddedCluster
let service: Service
const people = { me: '', friend: '', stranger: '' }

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, settings: { max_slot_wal_keep_size: '256MB' } })
  const url = cluster.primary.url()
  await deployStreamr({ url })
  const config = testConfig(url)
  service = await openService({ config, port: 0 })
  const { db } = service
  await addStream(db, 'music')
  await addStream(db, 'talk')
  people.me = await addUser(db, 'me')
  people.friend = await addUser(db, 'friend')
  people.stranger = await addUser(db, 'stranger')
  await befriend(db, people.friend, people.me)
  for (const [id, owner] of [
    ['mine', people.me],
    ['of-friend', people.friend],
    ['of-stranger', people.stranger],
  ] as const)
    await addNode(db, id, { stream: 'music', owner, lat: 1, lon: 1 })
  await waitUntil(() => service.strata.changes.here.handled !== undefined, { what: 'the feed consumes' })
})
afterAll(async () => {
  await service.close()
  await cluster.stop()
})

interface Heard {
  /** 'refresh', or what became of which key. */
  readonly events: string[]
  readonly rows: (Readonly<Record<string, unknown>> | undefined)[]
}

/** Connected when it returns. */
async function listen(topics: readonly TopicSpec[], as?: string): Promise<Heard> {
  const heard: Heard = { events: [], rows: [] }
  const client = followLive({
    url: `${service.url}/live`,
    headers: as === undefined ? {} : { 'x-user-id': as },
    subscriptions: topics.map((topic) => ({
      topic,
      onChange: ({ kind, key, row }) => {
        heard.events.push(`${kind} ${Object.values(key ?? {}).join(' ')}`.trim())
        heard.rows.push(row)
      },
    })),
    onRefresh: () => void heard.events.push('refresh'),
  })
  onTestFinished(() => client.close())
  await waitUntil(() => heard.events.includes('refresh'), { what: 'it is connected' })
  return heard
}

const hears = (heard: Heard, event: RegExp): Promise<unknown> =>
  waitUntil(() => heard.events.some((one) => event.test(one)), { what: `an event like ${event.source}` })

async function statusOf(topics: unknown, as?: string, path = '/live'): Promise<number> {
  const stop = new AbortController()
  const response = await fetch(`${service.url}${path}?topics=${encodeURIComponent(JSON.stringify(topics))}`, {
    headers: as === undefined ? {} : { 'x-user-id': as },
    signal: stop.signal,
  })
  stop.abort()
  return response.status
}

test('a comment reaches who follows its stream, and nobody who follows another', async () => {
  const music = await listen([{ table: 'comments', where: { stream_id: 'music' } }])
  const talk = await listen([{ table: 'comments', where: { stream_id: 'talk' } }])
  const say = (stream: string): Promise<unknown> =>
    ask(service, `/streams/${stream}/comments`, { as: people.me, method: 'POST', body: { content: `on ${stream}` } })
  await say('music')
  await hears(music, /^insert/)
  await say('talk')
  await hears(talk, /^insert/)
  expect(talk.events.filter((event) => event.startsWith('insert'))).toHaveLength(1)
  expect(music.rows[0]).toMatchObject({ stream_id: 'music', content: 'on music', status: 'VISIBLE' })
})

test('how a node is reaches its owner, friends and the page of its stream, without where it stands', async () => {
  const { me, friend } = people
  const own = await listen([{ table: 'nodes', where: { user_id: [me, friend] } }], me)
  const ofStream = await listen([{ table: 'nodes', where: { stream_id: 'music' } }])
  await service.db
    .updateTable('nodes')
    .set({ status: 'STALE' })
    .where('node_id', 'in', ['of-friend', 'of-stranger'])
    .execute()
  await hears(own, /^update of-friend/)
  await hears(ofStream, /^update of-stranger/)
  expect(own.events.filter((event) => event.includes('stranger'))).toEqual([])
  const told = JSON.stringify([...own.rows, ...ofStream.rows])
  expect(told).toContain('STALE')
  expect(told).not.toMatch(/location|stats_url|address/)
})

test('what a node measures and earns is told by its rollups', async () => {
  const heard = await listen([
    { rollup: 'node_earnings_hourly', by: { node_id: 'mine' } },
    { rollup: 'stream_payouts' },
  ])
  await service.db
    .insertInto('probe_results')
    .values({
      stream_id: 'music',
      node_id: 'mine',
      probe_type: 'stats_poll',
      success: true,
      response_data: null,
      error_message: null,
    })
    .execute()
  await hears(heard, /^changed/)
})

test('a request reaches whom it is for, and nobody else', async () => {
  const theirs = await listen([{ table: 'friendships', key: { friend_id: people.stranger } }], people.stranger)
  expect(await act(service.db, { action: 'request', by: people.me, to: people.stranger })).toEqual({
    state: 'outgoing',
  })
  await hears(theirs, /^insert/)
  const before = theirs.events.length
  await act(service.db, { action: 'block', by: people.friend, to: people.stranger })
  await act(service.db, { action: 'remove', by: people.me, to: people.stranger })
  await act(service.db, { action: 'request', by: people.me, to: people.stranger })
  await waitUntil(() => theirs.events.filter((event) => event.startsWith('insert')).length > 1, {
    what: 'the next request',
  })
  expect(theirs.events.slice(before).join()).not.toContain(people.friend)
  expect(await statusOf([{ table: 'friendships', key: { friend_id: people.stranger } }], people.me)).toBe(403)
})

test('/stream tells what is going on, and whoever is known, of the nodes of friends', async () => {
  const read = async (as?: string): Promise<() => string> => {
    const stop = new AbortController()
    onTestFinished(() => stop.abort())
    const response = await fetch(`${service.url}/stream`, {
      headers: as === undefined ? {} : { cookie: `streamr_user=${as}` },
      signal: stop.signal,
    })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8'])
    let text = ''
    const decoder = new TextDecoder()
    void (async () => {
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true })
    })().catch(() => undefined)
    await waitUntil(() => text.includes('event: ready'), { what: 'it is ready' })
    return () => text
  }
  const [anybody, me] = [await read(), await read(people.me)]
  await service.db.updateTable('nodes').set({ status: 'OFFLINE' }).where('node_id', '=', 'of-friend').execute()
  await waitUntil(() => me().includes('OFFLINE'), { what: 'the node of a friend' })
  await service.db.updateTable('streams').set({ viewers: 4_711 }).where('stream_id', '=', 'talk').execute()
  await waitUntil(() => anybody().includes('4711') && me().includes('4711'), { what: 'the stream' })
  expect(anybody()).not.toContain('OFFLINE')
})

test('who may not hear of something is refused before the stream begins', async () => {
  const { me, friend, stranger } = people
  const nodesOf = (owner: unknown): unknown => [{ table: 'nodes', where: { user_id: owner } }]
  for (const [topics, as] of [
    [nodesOf(friend), undefined],
    [nodesOf(stranger), me],
    [nodesOf([me, friend, stranger]), me],
    [nodesOf('not a uuid'), me],
    [nodesOf(null), me],
    [[{ table: 'nodes' }], me],
    [[{ table: 'nodes', where: { status: 'ACTIVE' } }], me],
    [[{ table: 'comments' }], me],
    [[{ table: 'friendships' }], me],
    [[{ table: 'friendships', key: { user_id: [me, stranger] } }], me],
  ] as const)
    expect(await statusOf(topics, as), JSON.stringify(topics)).toBe(403)
  expect(await statusOf(nodesOf([me, friend]), me)).toBe(200)
  for (const path of ['/live', '/stream']) expect(await statusOf([{ table: 'users' }], me, path)).toBe(400)
})

test('when the service ends, streams end with it at once', async () => {
  const other = await openService({ config: testConfig(cluster.primary.url()), port: 0, background: false })
  const response = await fetch(`${other.url}/live?topics=${encodeURIComponent('[{"table":"streams"}]')}`)
  const ended = response.text()
  await other.close()
  expect(await ended).toContain('retry:')
  await expect(fetch(`${other.url}/health/live`)).rejects.toThrow('fetch failed')
})
