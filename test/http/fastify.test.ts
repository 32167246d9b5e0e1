import fastify, { type FastifyInstance, type FastifyPluginCallback } from 'fastify'
import { once } from 'node:events'
import { connect, type IncomingHttpHeaders } from 'node:http2'
import { Readable } from 'node:stream'
import { expect, expectTypeOf, onTestFinished, test } from 'vitest'
import { StrataError } from '../../src/base/errors.ts'
import { fastifyCausal, type CausalScope } from '../../src/http/index.ts'
import { createBrowser, fakeStrata, headerName, positionsOf, secret, signedAt, tokenAt } from './support.ts'

const strata = fakeStrata()

async function open(routes: (app: FastifyInstance) => void, scope: CausalScope = strata): Promise<string> {
  const app = fastify()
  onTestFinished(() => app.close())
  await app.register(fastifyCausal(scope, { secret }))
  routes(app)
  return await app.listen({ port: 0, host: '127.0.0.1' })
}

test('it is a plugin as Fastify types it, over http and http2', () => {
  expectTypeOf(fastifyCausal(strata, { secret })).toExtend<FastifyPluginCallback>()
  const register = (app: FastifyInstance): unknown => app.register(fastifyCausal(strata, { secret }))
  const registerHttp2 = (): unknown => fastify({ http2: true }).register(fastifyCausal(strata, { secret }))
  expect([register, registerHttp2]).toHaveLength(2)
})

test('a write is seen by the next request, in routes outside and inside of other plugins', async () => {
  const seen: unknown[] = []
  const url = await open((app) => {
    app.post('/song', async (request, reply) => {
      strata.write(6)
      seen.push(strata.began(), request.body)
      return await reply.code(201).send({ id: 1 })
    })
    void app.register(async (inner) => {
      await Promise.resolve()
      inner.get('/song', async () => {
        seen.push(strata.began())
        return await Promise.resolve({ id: 1 })
      })
    })
  })
  const browse = createBrowser()
  const headers = { 'content-type': 'application/json' }
  const written = await browse(`${url}/song`, { method: 'POST', body: '{"title":"x"}', headers })
  expect(written.status).toBe(201)
  expect(positionsOf(written)).toEqual([6, 6])
  const read = await browse(`${url}/song`)
  expect(await read.json()).toEqual({ id: 1 })
  expect(positionsOf(read)).toEqual([undefined, undefined])
  expect(seen).toEqual([undefined, { title: 'x' }, tokenAt(6)])
})

test('every hook behind it runs in the session, and the last of them can still write', async () => {
  const places: string[] = []
  const note = (place: string): void => void places.push(`${place} ${String(strata.began()?.lsn)}`)
  const url = await open((app) => {
    app.addHook('preParsing', async () => note('preParsing'))
    app.addHook('preValidation', async () => note('preValidation'))
    app.addHook('preHandler', (_, __, done) => (note('preHandler'), done()))
    app.addHook('onSend', async () => {
      note('onSend')
      strata.write(6)
    })
    app.addHook('onResponse', async () => note('onResponse'))
    app.post('/', async () => {
      note('handler')
      return await Promise.resolve('ok')
    })
  })
  const body = 'x'.repeat(200_000)
  const headers = { 'content-type': 'text/plain', [headerName]: signedAt(5) }
  expect(positionsOf(await fetch(url, { method: 'POST', body, headers }))).toEqual([6, 6])
  const expected = ['preParsing', 'preValidation', 'preHandler', 'handler', 'onSend', 'onResponse']
  expect(places).toEqual(expected.map((place) => `${place} 5`))
})

test('cookies and headers of the app stay', async () => {
  const url = await open((app) => {
    app.get('/one', (_, reply) => {
      strata.write(6)
      void reply.header('set-cookie', 'a=1').header('x-app', '1').send('ok')
    })
    app.get('/two', (_, reply) => {
      strata.write(6)
      void reply.header('set-cookie', 'a=1').header('set-cookie', 'b=2').redirect('/one')
    })
  })
  const one = await fetch(`${url}/one`)
  expect(one.headers.get('x-app')).toBe('1')
  expect(one.headers.getSetCookie().map((line) => line.split('=')[0])).toEqual(['a', 'pgstrata'])
  const two = await fetch(`${url}/two`, { redirect: 'manual' })
  expect(two.status).toBe(302)
  expect(two.headers.getSetCookie().map((line) => line.split('=')[0])).toEqual(['a', 'b', 'pgstrata'])
})

test('streams, hijacked replies, errors and missing routes carry the token as well', async () => {
  const url = await open((app) => {
    app.setNotFoundHandler((_, reply) => {
      strata.write(6)
      void reply.code(404).send('none')
    })
    app.get('/stream', (_, reply) => {
      strata.write(6)
      void reply.send(Readable.from(['a', 'b']))
    })
    app.get('/hijack', (_, reply) => {
      strata.write(6)
      reply.hijack()
      reply.raw.end('raw')
    })
    app.get('/error', async () => {
      strata.write(6)
      await Promise.reject(new Error('from the route'))
    })
  })
  const ways: readonly [string, number][] = [
    ['stream', 200],
    ['hijack', 200],
    ['error', 500],
    ['missing', 404],
  ]
  for (const [path, status] of ways) {
    const response = await fetch(`${url}/${path}`)
    expect([response.status, ...positionsOf(response)]).toEqual([status, 6, 6])
  }
  const head = await fetch(`${url}/stream`, { method: 'HEAD' })
  expect(positionsOf(head)).toEqual([6, 6])
})

test('over http2 it goes the same way', async () => {
  const app = fastify({ http2: true })
  onTestFinished(() => app.close())
  await app.register(fastifyCausal(strata, { secret }))
  app.post('/', async (request) => {
    const began = String(strata.began()?.lsn)
    strata.write(6)
    return await Promise.resolve({ began, body: request.body })
  })
  const client = connect(await app.listen({ port: 0, host: '127.0.0.1' }))
  onTestFinished(() => client.destroy())
  const headers = { 'content-type': 'text/plain', [headerName]: signedAt(5) }
  const stream = client.request({ ':method': 'POST', ':path': '/', ...headers }).end('x')
  const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  expect(answer[headerName]).toBe(signedAt(6))
  expect(answer['set-cookie']).toHaveLength(1)
  expect(JSON.parse(Buffer.concat(await stream.toArray()).toString())).toEqual({ began: '5', body: 'x' })
})

test('inject goes the same way', async () => {
  const app = fastify()
  onTestFinished(() => app.close())
  await app.register(fastifyCausal(strata, { secret }))
  app.post('/', async () => {
    const began = String(strata.began()?.lsn)
    strata.write(6)
    return await Promise.resolve(began)
  })
  const answer = await app.inject({
    method: 'POST',
    url: '/',
    payload: { a: 1 },
    headers: { [headerName]: signedAt(5) },
  })
  expect(answer.payload).toBe('5')
  expect(answer.headers[headerName]).toBe(signedAt(6))
  expect(answer.cookies).toMatchObject([{ name: 'pgstrata', value: signedAt(6), httpOnly: true }])
})

test('a session that cannot begin is an error of that request alone', async () => {
  const closed: CausalScope = {
    scope: () => {
      throw new StrataError('DATABASE_LOST', { message: 'It is closed' })
    },
  }
  const url = await open((app) => void app.get('/', () => 'never'), closed)
  for (const _ of [1, 2]) {
    const response = await fetch(url)
    expect(await response.json()).toMatchObject({ message: 'It is closed' })
    expect(response.ok).toBe(false)
  }
})
