// Live events as a page gets them: from the WAL of a real server, through the service. A play that is recorded over HTTP is told of, and
// whoever reads with the id of that event sees it, also where something older is cached.

import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { sql, type TopicSpec } from 'pgstrata'
import { followLive } from 'pgstrata/live-client/node'
import { openService, type Service } from '../../../examples/mycelix/src/service.ts'
import { waitUntil } from '../../support/wait.ts'
import { addArtist, addListener, addSong, ask, deployMycelix, testConfig } from './service-support.ts'

let cluster: EmbeddedCluster
let service: Service
const songs = { ada: 0, bob: 0 }

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, settings: { max_slot_wal_keep_size: '256MB' } })
  const config = testConfig({ url: cluster.primary.url() })
  await deployMycelix(config)
  service = await openService({ config, port: 0 })
  for (const name of ['ada', 'bob'] as const) {
    await addArtist(service, `0x${name}`)
    songs[name] = await addSong(service, { title: `Song of ${name}`, artist: `0x${name}` })
  }
  await addListener(service, '0xl1')
  await waitUntil(() => service.strata.changes.here.handled !== undefined, { what: 'the feed consumes' })
})
afterAll(async () => {
  await service.close()
  await cluster.stop()
})

interface Heard {
  readonly events: { readonly kind: string; readonly id: string }[]
  readonly lists: (readonly Readonly<Record<string, unknown>>[])[]
}

/** Connected when it returns. */
async function listen(topics: readonly TopicSpec[]): Promise<Heard> {
  const heard: Heard = { events: [], lists: [] }
  const client = followLive({
    url: `${service.url}/live`,
    subscriptions: topics.map((topic) => ({
      topic,
      onChange: ({ kind, id }) => void heard.events.push({ kind, id }),
      onList: ({ rows }) => void heard.lists.push(rows),
    })),
    onRefresh: ({ id }) => void heard.events.push({ kind: 'refresh', id }),
  })
  onTestFinished(() => client.close())
  await waitUntil(() => heard.events.length > 0, { what: 'it is connected' })
  return heard
}

const play = (song: number): Promise<unknown> =>
  ask(service, '/plays', { body: { song_id: song, listener_address: '0xl1', duration_s: 60 } })

test('a play is told to those who look at its artist, and to nobody who looks at another', async () => {
  const ada = await listen([{ rollup: 'artist_plays', by: { artist_address: '0xada' } }])
  const bob = await listen([{ rollup: 'artist_plays', by: { artist_address: '0xbob' } }])
  await play(songs.ada)
  const event = await waitUntil(() => ada.events.find(({ kind }) => kind === 'changed'), { what: 'the play of ada' })
  await play(songs.bob)
  await waitUntil(() => bob.events.find(({ kind }) => kind === 'changed'), { what: 'the play of bob' })
  expect(bob.events.filter(({ kind }) => kind === 'changed')).toHaveLength(1)
  const { body } = await ask(service, '/artists/0xada', { headers: { 'x-event-id': event.id } })
  expect(body['total_plays']).toBe(1)
})

test('what is read with the id of an event is never older, though something older is cached', async () => {
  const heard = await listen([{ rollup: 'platform_plays' }])
  const read = async (id?: string): Promise<number> =>
    Number(
      (await ask(service, '/platform', id === undefined ? {} : { headers: { 'x-event-id': id } })).body['total_plays'],
    )
  const cached = await read()
  await play(songs.ada)
  const event = await waitUntil(() => heard.events.find(({ kind }) => kind === 'changed'), { what: 'the play' })
  // To others it is what it was: plays come all the time.
  expect(await read()).toBe(cached)
  expect(await read(event.id)).toBe(cached + 1)
})

test('who has played reads it however far the feed has come since, though something older is cached', async () => {
  const heard = await listen([{ rollup: 'artist_plays', by: { artist_address: '0xbob' } }])
  await ask(service, '/artists/0xada')
  const played = await ask(service, '/plays', {
    body: { song_id: songs.ada, listener_address: '0xl1', duration_s: 60 },
  })
  const token = played.headers.get('x-pgstrata-token') ?? ''
  // The feed tells of what came after it.
  await play(songs.bob)
  await waitUntil(() => heard.events.find(({ kind }) => kind === 'changed'), { what: 'the play of bob' })
  const { body } = await ask(service, '/artists/0xada', { headers: { 'x-pgstrata-token': token } })
  const { rows } = await service.strata.db.query(
    sql`select count(*)::int4 as plays from plays where song_id = ${songs.ada}`,
  )
  expect(body['total_plays']).toBe(rows[0]?.['plays'])
})

test('the list of what is trending comes by itself', async () => {
  const heard = await listen([{ top: 'song_plays', orderBy: 'trending', limit: 2 }])
  for (let n = 0; n < 5; n++) await play(songs.bob)
  await waitUntil(() => Number(heard.lists.at(-1)?.[0]?.['song_id']) === songs.bob, {
    what: 'the job has merged, and the song of bob is the first',
    timeoutMs: 30_000,
  })
})

test('another name of a song or an artist discards what is cached of it', async () => {
  const title = async (): Promise<unknown> => (await ask(service, `/songs/${songs.ada}`)).body['title']
  expect(await title()).toBe('Song of ada')
  await service.strata.query(sql`update songs set title = 'Renamed' where song_id = ${songs.ada}`)
  await waitUntil(async () => (await title()) === 'Renamed', { what: 'the new name' })
  const name = async (): Promise<unknown> => (await ask(service, '/artists/0xada')).body['artist_name']
  expect(await name()).toBe('Artist 0xada')
  await service.strata.query(sql`update artists set artist_name = 'Ada' where artist_address = '0xada'`)
  await waitUntil(async () => (await name()) === 'Ada', { what: 'the name of the artist' })
})

test('what is not declared cannot be heard', async () => {
  for (const topic of [{ table: 'plays' }, { table: 'listeners' }, { rollup: 'listener_tastes' }]) {
    const { status } = await ask(service, `/live?topics=${encodeURIComponent(JSON.stringify([topic]))}`)
    expect([topic, status]).toEqual([topic, 400])
  }
})
