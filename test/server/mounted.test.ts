// The routes in an app of somebody's: as a plugin Fastify takes, over HTTP/2, at the root, and beside what the app has.

import fastify, { type FastifyInstance, type FastifyPluginCallback } from 'fastify'
import { once } from 'node:events'
import { connect, type IncomingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { expect, expectTypeOf, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createPlugin } from '../../src/server/plugin.ts'
import { bearer, fakeSources, guarded, readToken } from './support.ts'

const plugin = () => {
  const { sources, logger } = fakeSources()
  return createPlugin({ sources, tokens: guarded, clock: systemClock, logger, isAlone: false })
}

test('it is a plugin as Fastify types it, over http and http2', () => {
  expectTypeOf(plugin()).toExtend<FastifyPluginCallback>()
  const register = (app: FastifyInstance): unknown => app.register(plugin())
  const registerHttp2 = (): unknown => fastify({ http2: true }).register(plugin())
  expect([register, registerHttp2]).toHaveLength(2)
})

test('over HTTP/2 it admits, answers and refuses as ever, and ends with the app', async () => {
  const app = fastify({ http2: true })
  await app.register(plugin(), { prefix: '/admin' })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const session = connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
  onTestFinished(() => session.destroy())
  const ask = async (path: string, headers: Record<string, string> = {}): Promise<[number | undefined, unknown]> => {
    const stream = session.request({ ':path': path, ...headers })
    const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status'?: number }]
    let body = ''
    for await (const chunk of stream) body += String(chunk)
    return [head[':status'], JSON.parse(body)]
  }
  expect(await ask('/admin/health/live')).toEqual([200, { status: 'ok' }])
  expect(await ask('/admin/api/nodes')).toMatchObject([401, { error: { code: 'HTTP_UNAUTHORIZED' } }])
  expect(await ask('/admin/api/nodes', bearer(readToken))).toMatchObject([200, { nodes: [{ node: 'primary' }] }])
  expect(await ask('/admin/nothing')).toMatchObject([404, { error: { code: 'HTTP_NOT_FOUND' } }])
  session.close()
  await app.close()
})

test('at the root of an app it leaves unknown paths to the app, and its errors too', async () => {
  const app = fastify()
  onTestFinished(() => app.close())
  app.setNotFoundHandler((_, reply) => reply.code(404).send('the app'))
  app.setErrorHandler((_, __, reply) => reply.code(500).send('the app failed'))
  app.get('/fails', () => {
    throw new Error('of the app')
  })
  await app.register(plugin())
  expect((await app.inject('/health/live')).json()).toEqual({ status: 'ok' })
  expect((await app.inject('/nothing')).body).toBe('the app')
  expect((await app.inject('/fails')).body).toBe('the app failed')
  expect((await app.inject('/api/nodes')).json()).toMatchObject({ error: { code: 'HTTP_UNAUTHORIZED' } })
})

test('two of them do not get in each other’s way', async () => {
  const app = fastify()
  onTestFinished(() => app.close())
  await app.register(plugin(), { prefix: '/one' })
  await app.register(plugin(), { prefix: '/two' })
  for (const prefix of ['/one', '/two']) expect((await app.inject(`${prefix}/health`)).statusCode).toBe(200)
})

test('a path that is taken fails the registration', async () => {
  const app = fastify()
  app.get('/health', () => 'mine')
  await expect(app.register(plugin())).rejects.toMatchObject({ code: 'FST_ERR_DUPLICATED_ROUTE' })
})
