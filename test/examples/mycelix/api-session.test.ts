// Sessions over HTTP with a replica that stands still: who has played reads it, cached or not, by the token in the header or in the
// cookie, and who has not is served by the replica. While the primary is away reads go on.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { sql } from 'pgstrata'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { openService, type Service } from '../../../examples/mycelix/src/service.ts'
import { waitUntil } from '../../support/wait.ts'
import { addArtist, addListener, addSong, ask, deployMycelix, testConfig } from './service-support.ts'

let cluster: EmbeddedCluster
let service: Service
let song = 0

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 1 })
  const url = cluster.primary.url()
  await deployMycelix(testConfig({ url }))
  const replicas = cluster.replicas.map((replica) => ({ url: replica.url(), maxLag: '1h' }))
  service = await openService({ config: testConfig({ url, replicas }), port: 0, background: false })
  await addArtist(service, '0xada')
  await addListener(service, '0xl1')
  song = await addSong(service, { title: 'Loud', artist: '0xada' })
  await cluster.replicas[0]?.waitFor()
  await service.strata.pool.start()
})
afterAll(async () => {
  await service.close()
  await cluster.stop()
})

const play = (): Promise<Awaited<ReturnType<typeof ask>>> =>
  ask(service, '/plays', { body: { song_id: song, listener_address: '0xl1', duration_s: 60 } })

test('who has played reads it, though the replica stands still and an older answer is cached', async () => {
  await cluster.replicas[0]?.pauseReplay()
  const read = async (path: string, headers: Readonly<Record<string, string>> = {}): Promise<unknown> =>
    (await ask(service, path, { headers })).body['total_plays']
  for (const path of ['/artists/0xada', '/listeners/0xl1']) {
    const before = Number(await read(path))
    const played = await play()
    expect(played.status).toBe(201)
    const token = played.headers.get('x-pgstrata-token') ?? ''
    const cookie = (played.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
    expect(await read(path, { cookie })).toBeGreaterThan(before)
    expect(await read(path, { 'x-pgstrata-token': token })).toBeGreaterThan(before)
    // A token of somebody's own making is no token, and no error.
    expect(await read(path, { 'x-pgstrata-token': `${token}x` })).toEqual(expect.any(Number))
  }
  // What the replica shows, or the test would show nothing.
  const elsewhere = await service.strata.scope(undefined, () => service.strata.query(sql`select play_id from plays`))
  expect(elsewhere.rows).toEqual([])
  await cluster.replicas[0]?.resumeReplay()
})

test('the id of an event that was never told is no id, and no error', async () => {
  const { status } = await ask(service, '/platform', { headers: { 'x-event-id': 'not an event' } })
  expect(status).toBe(200)
})

test('while the primary is away reads go on, and a play is told when to come back', async () => {
  await cluster.primary.stop('fast')
  expect((await ask(service, '/listeners/0xl1')).status).toBe(200)
  // An event that this process has not heard of: whether what is kept is newer nobody can tell.
  expect((await ask(service, '/platform', { headers: { 'x-event-id': '0123456789ab:ffffff:0' } })).status).toBe(503)
  const away = await play()
  expect([away.status, away.body.error?.code]).toEqual([503, 'UNAVAILABLE'])
  expect(Number(away.headers.get('retry-after'))).toBeGreaterThan(0)
  await cluster.primary.start()
  await waitUntil(async () => (await play()).status === 201, { what: 'plays are taken again', timeoutMs: 30_000 })
})
