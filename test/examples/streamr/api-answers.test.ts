// Answers that are kept: with lifetimes so long that nothing goes by itself, over the real feed. What is kept is what was, until somebody
// comes who must not see that: who wrote, who heard of it, who may know more; and what the feed tells of goes at once.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { resolveConfig, type TopicSpec } from 'pgstrata'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { followLive } from 'pgstrata/live-client/node'
import config from '../../../examples/streamr/pgstrata.config.ts'
import { warmUp } from '../../../examples/streamr/src/api/warm-up.ts'
import { openPreparedDatabase } from '../../../examples/streamr/src/database.ts'
import { createPayoutService } from '../../../examples/streamr/src/payouts/service.ts'
import { openService, type Service } from '../../../examples/streamr/src/service.ts'
import type { StreamrConfig } from '../../../examples/streamr/src/strata.ts'
import { waitUntil } from '../../support/wait.ts'
import { expectWarmed } from '../support/warmed.ts'
import { addNode, addStream, addUser, ask, befriend, deployStreamr } from './service-support.ts'
import { configOf, folder } from './support.ts'

let cluster: EmbeddedCluster
let service: Service
const people = { owner: '', friend: '', stranger: '' }

const longLived = Object.fromEntries(
  Object.keys(config.cache.namespaces).map((name) => [name, { ttl: '1 hour', negativeTtl: '1 hour' }]),
)

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, settings: { max_slot_wal_keep_size: '256MB' } })
  const url = cluster.primary.url()
  await deployStreamr({ url })
  const written = { ...configOf(url), cache: { namespaces: longLived } }
  const resolved = resolveConfig<unknown>(written, { root: folder, name: 'pgstrata.config.ts' })
  service = await openService({ config: resolved as unknown as StreamrConfig, port: 0 })
  const { db } = service
  people.owner = await addUser(db, 'owner')
  people.friend = await addUser(db, 'friend')
  people.stranger = await addUser(db, 'stranger')
  await befriend(db, people.friend, people.owner)
  await waitUntil(() => service.strata.changes.here.handled !== undefined, { what: 'the feed consumes' })
})
afterAll(async () => {
  await service.close()
  await cluster.stop()
})

const commentsOf = async (stream: string, headers: Readonly<Record<string, string>> = {}): Promise<unknown[]> => {
  const { body } = await ask(service, `/streams/${stream}/comments`, { headers })
  return (body['comments'] as readonly { readonly content: string }[]).map(({ content }) => content)
}

const comment = async (stream: string, content: string): Promise<void> => {
  const { db } = service
  await db.insertInto('comments').values({ stream_id: stream, user_id: people.stranger, content }).execute()
}

/** The id of the first event of the topic after `change`. */
async function hear(topic: TopicSpec, change: () => Promise<unknown>): Promise<string> {
  let isConnected = false
  let heard: string | undefined
  const client = followLive({
    url: `${service.url}/live`,
    subscriptions: [{ topic, onChange: ({ id }) => (heard ??= id) }],
    onRefresh: () => (isConnected = true),
  })
  onTestFinished(() => client.close())
  await waitUntil(() => isConnected, { what: 'it is connected' })
  await change()
  return await waitUntil(() => heard, { what: 'the event' })
}

test('what is kept is given as it was, to who only reads; who comes with the id of an event reads what that told of', async () => {
  await addStream(service.db, 'kept')
  expect(await commentsOf('kept')).toEqual([])
  const id = await hear({ table: 'comments', where: { stream_id: 'kept' } }, () => comment('kept', 'first'))
  expect(await commentsOf('kept')).toEqual([])
  expect(await commentsOf('kept', { 'x-event-id': id })).toEqual(['first'])
  // What was read for that one is there for all.
  expect(await commentsOf('kept')).toEqual(['first'])
})

test('who wrote reads it', async () => {
  await addStream(service.db, 'written')
  expect(await commentsOf('written')).toEqual([])
  const said = await ask(service, '/streams/written/comments', {
    as: people.stranger,
    method: 'POST',
    body: { content: 'mine' },
  })
  expect(said.status).toBe(201)
  const token = said.headers.get('x-pgstrata-token') ?? ''
  expect(await commentsOf('written', { 'x-pgstrata-token': token })).toEqual(['mine'])
})

test('of a node it goes with the next heartbeat, of a stream with its row', async () => {
  const { db } = service
  await addStream(db, 'told', { viewers: 1 })
  await addNode(db, 'told-node', { stream: 'told' })
  const node = async (): Promise<unknown> => (await ask(service, '/nodes/told-node')).body['last_heartbeat']
  const viewers = async (): Promise<unknown> => (await ask(service, '/streams/told')).body['viewers']
  // What has just been written is still on its way through the feed.
  await waitUntil(async () => (await node()) === null && (await viewers()) === 1, { what: 'they are there' })
  const at = new Date()
  await db.updateTable('nodes').set({ last_heartbeat: at }).where('node_id', '=', 'told-node').execute()
  await waitUntil(async () => (await node()) === at.toISOString(), { what: 'the heartbeat is told' })
  await db.updateTable('streams').set({ viewers: 2 }).where('stream_id', '=', 'told').execute()
  await waitUntil(async () => (await viewers()) === 2, { what: 'the viewers are told' })
})

test('what payouts change goes with them: runs, the node, the stream', async () => {
  const { db, strata } = service
  await addStream(db, 'paid')
  await addNode(db, 'paid-node', { stream: 'paid' })
  const paths = ['/payouts/runs', '/nodes/paid-node', '/streams/paid']
  const etags = async (): Promise<readonly (string | null)[]> =>
    await Promise.all(paths.map(async (path) => (await ask(service, path)).headers.get('etag')))
  let before = await etags()
  // What has just been written is still on its way through the feed.
  await waitUntil(
    async () => {
      const last = before
      before = await etags()
      return before.every((etag, place) => etag === last[place])
    },
    { what: 'answers that stay' },
  )
  const asOf = new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000)
  const loads = (): number =>
    ['streams', 'nodes', 'runs'].reduce((sum, name) => sum + (strata.cache.stats().namespaces[name]?.loads ?? 0), 0)
  const loadsBefore = loads()
  await etags()
  expect(loads()).toBe(loadsBefore)
  await createPayoutService({ db, monitor: strata.monitor }).run({ asOf })
  await waitUntil(async () => (await etags(), loads() >= loadsBefore + paths.length), {
    what: 'all three are read anew',
  })
  expect((await ask(service, '/payouts/runs')).headers.get('etag')).not.toBe(before[0])
})

test('where a node stands is in no answer that others are given', async () => {
  await addStream(service.db, 'near')
  await addNode(service.db, 'near-node', { stream: 'near', owner: people.owner, lat: 52.5, lon: 13.4 })
  for (const as of [people.owner, undefined, people.stranger, people.friend, people.stranger]) {
    const { body } = await ask(service, '/nodes/near-node', { as })
    const isNear = as === people.owner || as === people.friend
    expect([body['lat'], body['lon'], body['user_id']]).toEqual(
      isNear ? [52.5, 13.4, people.owner] : [undefined, undefined, undefined],
    )
  }
})

test('it has an ETag, by which it costs nothing; there is none is kept too', async () => {
  await addStream(service.db, 'tagged')
  const first = await ask(service, '/streams/tagged/nodes')
  const etag = first.headers.get('etag') ?? ''
  expect(first.body).toEqual({ nodes: [], next: null })
  const again = await ask(service, '/streams/tagged/nodes', { headers: { 'if-none-match': etag } })
  expect([again.status, again.body]).toEqual([304, {}])
  for (const path of ['/streams/later/comments', '/streams/later/earnings', '/nodes/later', '/payouts/4711']) {
    const { status, body } = await ask(service, path)
    expect([status, body.error?.code], path).toEqual([404, 'NOT_FOUND'])
  }
  const id = await hear({ table: 'streams' }, () => addStream(service.db, 'later'))
  expect((await ask(service, '/streams/later/comments')).status).toBe(404)
  expect((await ask(service, '/streams/later/comments', { headers: { 'x-event-id': id } })).status).toBe(200)
})

test('what is asked before the first client is understood, all of it', async () => {
  const { app, strata, db } = service
  await addNode(db, 'n-warm', { stream: await addStream(db, 's-warm'), owner: people.owner })
  expectWarmed(await warmUp(app, { prepared: openPreparedDatabase(strata) }))
})
