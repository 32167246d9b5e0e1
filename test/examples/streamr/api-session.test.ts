// Sessions over HTTP with a replica that stands still: who has written reads it, by the token in the header or in the cookie, and who has
// not is served by the replica. And what pgstrata itself serves below /admin.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { startCluster, type EmbeddedCluster } from 'pgstrata/embedded'
import { resolveConfig } from 'pgstrata'
import { openService, type Service } from '../../../examples/streamr/src/service.ts'
import type { StreamrConfig } from '../../../examples/streamr/src/strata.ts'
import { waitUntil } from '../../support/wait.ts'
import { addStream, addUser, ask, deployStreamr } from './service-support.ts'
import { configOf, folder } from './support.ts'

let cluster: EmbeddedCluster
let service: Service
let me = ''

beforeAll(async () => {
  cluster = await startCluster({ inMemory: true, replicas: 1 })
  const url = cluster.primary.url()
  await deployStreamr({ url })
  const written = configOf(url)
  const replicas = cluster.replicas.map((replica) => ({ url: replica.url(), maxLag: '1h' }))
  const config = resolveConfig<unknown>(
    { ...written, database: { ...written.database, primary: url, replicas, consistency: 'eventual' } },
    { root: folder, name: 'pgstrata.config.ts' },
  ) as unknown as StreamrConfig
  service = await openService({ config, port: 0, background: false })
  await addStream(service.db, 'music')
  me = await addUser(service.db, 'me')
  await cluster.replicas[0]?.waitFor()
  await service.strata.pool.start()
})
afterAll(async () => {
  await service.close()
  await cluster.stop()
})

test('who has written reads it, though the replica stands still', async () => {
  await cluster.replicas[0]?.pauseReplay()
  const said = await ask(service, '/streams/music/comments', { as: me, method: 'POST', body: { content: 'mine' } })
  expect(said.status).toBe(201)
  const token = said.headers.get('x-pgstrata-token') ?? ''
  const cookie = (said.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  const read = async (headers: Readonly<Record<string, string>>): Promise<unknown> =>
    (await ask(service, '/streams/music/comments?fields=content', { headers })).body['comments']
  expect(await read({ 'x-pgstrata-token': token })).toEqual([{ content: 'mine' }])
  expect(await read({ cookie })).toEqual([{ content: 'mine' }])
  // What the replica shows, or the test would show nothing.
  const elsewhere = await service.strata.scope(undefined, () =>
    service.db.selectFrom('comments').select('content').execute(),
  )
  expect(elsewhere).toEqual([])
  // A token of somebody's own making is no token, and no error.
  expect(await read({ 'x-pgstrata-token': `${token}x` })).toEqual(expect.any(Array))
  await cluster.replicas[0]?.resumeReplay()
})

test('health of the service is open, and what pgstrata serves stands below /admin', async () => {
  expect((await ask(service, '/health/live')).body).toEqual({ status: 'ok' })
  expect((await ask(service, '/health/ready')).status).toBe(200)
  expect((await ask(service, '/admin/health/live')).body).toEqual({ status: 'ok' })
  const nodes = await ask(service, '/admin/api/nodes')
  expect(nodes.body).toMatchObject({ nodes: [{ node: 'primary' }, { node: 'replica-1' }] })
  // Without tokens nobody may change anything, not even from here.
  expect((await ask(service, '/admin/database/optimize', { method: 'POST' })).status).toBe(403)
})

test('while the primary is away reads go on, and a write is told when to come back', async () => {
  await cluster.primary.stop('fast')
  expect((await ask(service, '/friends', { as: me })).status).toBe(200)
  const path = '/streams/music/comments'
  const away = await ask(service, path, { as: me, method: 'POST', body: { content: 'later' } })
  expect([away.status, away.body.error?.code]).toEqual([503, 'UNAVAILABLE'])
  expect(Number(away.headers.get('retry-after'))).toBeGreaterThan(0)
  await cluster.primary.start()
  await waitUntil(
    async () => (await ask(service, path, { as: me, method: 'POST', body: { content: 'now' } })).status === 201,
    {
      what: 'writes are taken again',
      timeoutMs: 30_000,
    },
  )
})
