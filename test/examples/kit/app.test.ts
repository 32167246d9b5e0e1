// The app over real HTTP: answers, conditional answers, refusals in one shape, and what becomes of requests when it closes.

import { once } from 'node:events'
import { connect } from 'node:net'
import { openStrata, resolveConfig, sql } from 'pgstrata'
import { badInput, conflict, createApp, notFound, weakEtag, type App, type AppOptions } from 'pgstrata-example-kit'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../support/free-port.ts'

async function open(
  add: (app: App) => void,
  options: AppOptions = {},
): Promise<{ app: App; url: string; log: string[] }> {
  const log: string[] = []
  const app = createApp({ log: (line) => void log.push(line), graceMs: 50, ...options })
  add(app)
  onTestFinished(() => app.close())
  return { app, url: await app.listen({ host: '127.0.0.1', port: 0 }), log }
}

const limit = {
  schema: {
    querystring: {
      type: 'object',
      additionalProperties: false,
      properties: {
        limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 },
        sort: { enum: ['viewers', 'earnings'] },
      },
    },
  },
}

test('a GET has a weak ETag, and is not sent twice to who has it', async () => {
  let plays = 1
  const { url } = await open((app) => {
    app.get('/songs', async () => ({ plays }))
    app.post('/songs', async () => ({ plays }))
    app.get('/own', async (_, reply) => {
      reply.headers({ etag: '"mine"', 'cache-control': 'max-age=60' })
      return { plays }
    })
  })
  const first = await fetch(`${url}/songs`)
  const etag = first.headers.get('etag') ?? ''
  expect([first.status, await first.text(), etag]).toEqual([200, '{"plays":1}', weakEtag('{"plays":1}')])
  expect(first.headers.get('cache-control')).toBe('private, no-cache')
  for (const header of [etag, etag.slice(2), `"other", ${etag}`, '*']) {
    const again = await fetch(`${url}/songs`, { headers: { 'if-none-match': header } })
    expect([again.status, await again.text(), again.headers.get('etag')], header).toEqual([304, '', etag])
  }
  plays = 2
  const changed = await fetch(`${url}/songs`, { headers: { 'if-none-match': etag } })
  expect([changed.status, await changed.text()]).toEqual([200, '{"plays":2}'])
  const posted = await fetch(`${url}/songs`, { method: 'POST', headers: { 'if-none-match': '*' } })
  expect([posted.status, posted.headers.get('etag'), posted.headers.get('cache-control')]).toEqual([
    200,
    null,
    'no-store',
  ])
  const own = await fetch(`${url}/own`)
  expect([own.headers.get('etag'), own.headers.get('cache-control')]).toEqual(['"mine"', 'max-age=60'])
})

test('every answer says what a browser may do with it', async () => {
  const { url } = await open((app) => app.get('/', async () => ({})))
  const { headers } = await fetch(url)
  expect(headers.get('content-security-policy')).toContain("default-src 'self'")
  expect(headers.get('content-security-policy')).not.toContain('unsafe')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('x-worker')).toBeNull()
})

test.each([
  ['/songs?limit=0', 'query.limit: expected >= 1'],
  ['/songs?limit=many', 'query.limit: expected an integer'],
  ['/songs?sort=size', 'query.sort: expected one of viewers, earnings'],
  ['/songs?colour=red', 'query: expected nothing but what this path knows'],
  ['/thrown', 'query.after: expected a date'],
])('%s is bad input, and says what was expected', async (path, message) => {
  const { url, log } = await open((app) => {
    app.get('/songs', limit, async ({ query }) => query)
    app.get('/thrown', async () => {
      throw badInput({ where: 'query.after', expected: 'a date' })
    })
  })
  const response = await fetch(`${url}${path}`)
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: { code: 'BAD_INPUT', message } })
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(log).toEqual([])
})

test('defaults of a schema hold', async () => {
  const { url } = await open((app) => app.get('/songs', limit, async ({ query }) => query))
  expect(await (await fetch(`${url}/songs`)).json()).toEqual({ limit: 20 })
})

test('refusals of routes, of Fastify and of the parser have one shape', async () => {
  const { url } = await open(
    (app) => {
      app.get('/song', async () => {
        throw notFound('song')
      })
      app.post('/run', async () => {
        throw conflict('The run exists already', { run_id: 7 })
      })
    },
    { bodyLimitBytes: 100 },
  )
  const ask = async (path: string, init?: RequestInit): Promise<unknown> => {
    const response = await fetch(`${url}${path}`, init)
    return [response.status, await response.json()]
  }
  const post = (body: string, type = 'application/json'): RequestInit => ({
    method: 'POST',
    body,
    headers: { 'content-type': type },
  })
  expect(await ask('/song')).toEqual([404, { error: { code: 'NOT_FOUND', message: 'There is no such song' } }])
  expect(await ask('/nowhere')).toEqual([
    404,
    { error: { code: 'NOT_FOUND', message: 'There is nothing under that path' } },
  ])
  expect(await ask('/run', post('{}'))).toEqual([
    409,
    { error: { code: 'CONFLICT', message: 'The run exists already', details: { run_id: 7 } } },
  ])
  expect(await ask('/run', post('{'))).toMatchObject([400, { error: { code: 'BAD_INPUT' } }])
  expect(await ask('/run', post('x', 'text/xml'))).toMatchObject([415, { error: { code: 'NOT_JSON' } }])
  expect(await ask('/run', post(JSON.stringify({ text: 'x'.repeat(200) })))).toMatchObject([
    413,
    { error: { code: 'BODY_TOO_LARGE' } },
  ])
  expect(await ask('/%E0%A4%A')).toMatchObject([400, { error: { code: 'BAD_INPUT' } }])
})

test('what nobody expected says nothing to the client, and its kind and place to the log', async () => {
  const { url, log } = await open((app) => {
    app.get('/', async () => {
      throw Object.assign(new Error('duplicate key value (secret)'), { code: '23505' })
    })
  })
  const response = await fetch(url)
  expect([response.status, await response.json()]).toEqual([
    500,
    { error: { code: 'INTERNAL', message: 'Something failed' } },
  ])
  expect(log).toHaveLength(1)
  expect(log[0]).toMatch(/^A request failed: Error 23505\n\s+at .*app\.test\.ts/)
  expect(log.join()).not.toContain('secret')
})

test('what a library has wrapped is told as what is in it: its message is in no log either', async () => {
  const failed = (code: string): Error => Object.assign(new Error('secret'), { code })
  const causes = { away: failed('ECONNREFUSED'), broken: failed('22008') }
  const { url, log } = await open((app) => {
    app.get('/away', async () => {
      throw new Error('Failed query with parameters (secret)', { cause: causes.away })
    })
    app.get('/broken', async function readSongs() {
      throw new Error('Failed query\n    at secret', { cause: causes.broken })
    })
    app.get('/other-service', async () => {
      throw new Error('The other service', { cause: Object.assign(new Error('secret'), { statusCode: 404 }) })
    })
  })
  expect((await fetch(`${url}/away`)).status).toBe(503)
  expect((await fetch(`${url}/broken`)).status).toBe(500)
  expect((await fetch(`${url}/other-service`)).status).toBe(500)
  expect(log).toEqual([
    // The kind is that of the cause, the place that of the route.
    expect.stringMatching(/^A request failed: Error 22008\n\s+at .*readSongs .*app\.test\.ts/),
    expect.stringMatching(/^A request failed: Error\n\s+at .*app\.test\.ts/),
  ])
  expect(log.join()).not.toContain('secret')
})

test('a database that is away is 503, with when to come back', async () => {
  const port = await freePort()
  const config = { database: { primary: `postgres://postgres@127.0.0.1:${port}/app` } }
  const strata = openStrata(resolveConfig(config, { root: process.cwd(), name: 'test' }))
  onTestFinished(() => strata.close())
  const { url, log } = await open((app) => {
    app.get('/', async () => (await strata.query(sql`select 1`)).rows)
    app.get('/pool', async () => (await strata.pool.query('select 1')).rows)
  })
  for (const path of ['/', '/pool']) {
    const response = await fetch(`${url}${path}`)
    expect([response.status, response.headers.get('retry-after')], path).toEqual([503, '2'])
    expect(await response.json()).toEqual({ error: { code: 'UNAVAILABLE', message: 'The database cannot be reached' } })
  }
  expect(log).toEqual([])
})

test('a connection that was lost while it was asked is 503, though the driver gives that no code', async () => {
  const { url, log } = await open((app) => {
    app.get('/', async () => {
      throw new Error('Connection terminated unexpectedly')
    })
    app.get('/other', async () => {
      throw new Error('Something else was terminated: Connection terminated')
    })
  })
  expect([(await fetch(`${url}/`)).status, (await fetch(`${url}/other`)).status]).toEqual([503, 500])
  expect(log).toHaveLength(1)
})

test('health: alive at once, ready when the app says so', async () => {
  let isReady: () => boolean = () => {
    throw new Error('not yet')
  }
  const { url } = await open(() => undefined, { ready: () => isReady() })
  const status = async (path: string): Promise<number> => (await fetch(`${url}${path}`)).status
  expect(await status('/health/live')).toBe(200)
  expect(await status('/health/ready')).toBe(503)
  isReady = () => true
  expect(await status('/health/ready')).toBe(200)
})

test('closing lets what is under way finish, and ends what takes longer than the grace', async () => {
  let answer: () => void = () => undefined
  let arrived = 0
  const { app, url } = await open((app) => {
    app.get('/slow', async () => {
      arrived++
      await new Promise<void>((resolve) => (answer = resolve))
      return { done: true }
    })
    app.get('/stuck', async () => {
      arrived++
      await new Promise(() => undefined)
    })
  })
  const slow = fetch(`${url}/slow`)
  const stuck = fetch(`${url}/stuck`).then(
    () => 'answered',
    () => 'ended',
  )
  await expect.poll(() => arrived, { timeout: 10_000 }).toBe(2)
  const closed = app.close()
  answer()
  expect(await (await slow).json()).toEqual({ done: true })
  await closed
  expect(await stuck).toBe('ended')
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNREFUSED')
})
