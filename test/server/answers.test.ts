// Every route's answer is what its schema says, and refusals are what the error table says, in one shape.

import fastify, { type FastifyInstance } from 'fastify'
import { beforeAll, describe, expect, test } from 'vitest'
import { errorTable } from '../../src/base/error-table.ts'
import { StrataError } from '../../src/base/errors.ts'
import type { TableStatus } from '../../src/partitions/status.ts'
import type { Route } from '../../src/server/route.ts'
import { allRoutes } from '../../src/server/routes/all.ts'
import { errorShape } from '../../src/server/errors.ts'
import type { JsonSchema } from '../../src/server/shape.ts'
import type { Sources, WatchSource } from '../../src/server/sources.ts'
import type { SilenceRecord } from '../../src/watch/index.ts'
import { fakeClock } from '../support/fake-clock.ts'
import { waitUntil } from '../support/wait.ts'
import { bearer, guarded, latestOf, manageToken, readToken, serve } from './support.ts'
import { archive, backups, tiered } from './tiers-support.ts'

/** Fastify's own validator, strict: nothing coerced, nothing taken away. */
let validator: FastifyInstance
beforeAll(async () => {
  validator = fastify({ ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } } })
  validator.post('/check', (request) => {
    const { schema, value } = request.body as { schema: JsonSchema; value: unknown }
    const check = request.compileValidationSchema(schema)
    return { fits: check(value), errors: check.errors ?? [] }
  })
  await validator.ready()
})

async function expectFits(schema: JsonSchema, value: unknown): Promise<void> {
  const response = await validator.inject({ method: 'POST', url: '/check', payload: { schema, value } })
  expect(response.json()).toEqual({ fits: true, errors: [] })
}

const gauge = (name: string, labels: readonly string[] = []) =>
  ({ name, help: 'Of the test.', kind: 'gauge', labels, most: 10 }) as const

const blocked = {
  pid: 2,
  by: [1],
  user: 'u',
  application: 'a',
  state: 'active',
  queryid: '7',
  waitedSeconds: 1,
  openSeconds: 2,
}

const latest = latestOf(
  [
    { metric: gauge('pgstrata_connections_max'), value: 100 },
    { metric: gauge('pgstrata_connections', ['state']), labels: ['active'], value: 3 },
    { metric: gauge('pgstrata_buffer_hit_ratio'), value: 0.99 },
    { metric: gauge('pgstrata_active_sessions', ['wait_type']), labels: ['CPU'], value: 1.5 },
    { metric: gauge('pgstrata_table_size_bytes', ['schema', 'table']), labels: ['public', 'Odd "name"'], value: 8_192 },
    {
      metric: gauge('pgstrata_index_size_bytes', ['schema', 'table', 'index']),
      labels: ['public', 't', 'i'],
      value: 8_192,
    },
    {
      metric: gauge('pgstrata_unused_index_bytes', ['schema', 'table', 'index']),
      labels: ['public', 't', 'i'],
      value: 8_192,
    },
  ],
  { locks: { roots: [{ ...blocked, pid: 1, by: [], behind: [{ ...blocked, behind: [] }] }] } },
)

const totals = { calls: 1, errors: 0, meanMs: 1, p50Ms: 1, p95Ms: 1, p99Ms: 1, maxMs: 1 }

const watch: WatchSource = {
  role: 'measuring',
  metrics: [gauge('pgstrata_connections', ['state'])],
  latest,
  now: async () => latest,
  store: {
    stepMs: () => 60_000,
    calls: async ({ windowMs }) => ({
      windowMs,
      all: totals,
      shapes: [{ shape: 's', kind: 'work', text: 't', ...totals }],
    }),
    series: async ({ from }) => [
      { node: 'primary', labels: ['active'], points: [{ atMs: from.getTime(), value: 1, least: 0, most: 2 }] },
    ],
    shapes: async () => new Map(),
    statements: async () => [
      {
        queryid: '7',
        text: null,
        calls: 1,
        execMs: 1,
        meanMs: 1,
        share: 1,
        rows: 1,
        blocksHit: 1,
        blocksRead: 0,
        tempBlocks: 0,
        ioMs: 0,
        walBytes: 0,
      },
    ],
    load: async () => [{ waitType: 'CPU', wait: 'CPU', sessions: 1.5 }],
  },
}

const alert = {
  id: '1',
  rule: 'R',
  node: 'primary',
  series: '[]',
  severity: 'critical',
  state: 'firing',
  value: 1,
  summary: 's',
  beganAt: '2026-11-22T00:00:00.000Z',
  firedAt: '2026-11-22T00:01:00.000Z',
  resolvedAt: null,
  seenAt: '2026-11-22T00:01:00.000Z',
  evidence: {},
  actions: [],
} as const

const table: TableStatus = {
  key: 'plays',
  schema: 'public',
  table: 'plays',
  state: 'partitioned',
  layout: 'by month',
  retention: null,
  partitions: [
    {
      schema: 'public',
      name: 'p',
      bound: 'DEFAULT',
      rows: null,
      sizeBytes: 1,
      tier: 'hot',
      isDefault: true,
      parts: 0,
      next: null,
    },
  ],
  retired: [],
  missing: ['2026-12'],
  next: null,
  defaultRows: 3,
  findings: [{ what: 'w', advice: 'a' }],
}

type AlertsSource = NonNullable<Sources['alerts']>

const everything: Partial<Sources> = {
  watch,
  alerts: {
    rules: [
      {
        name: 'R',
        severity: 'critical',
        metric: 'm',
        where: { state: 'active', other: ['a', 'b'] },
        over: 1,
        under: undefined,
        clear: 1,
        forMs: 1,
        keepMs: 1,
        actions: [],
        summary: '',
        group: 'g',
      },
    ],
    open: async () => [alert],
    silences: async () => [
      {
        id: '1',
        rule: 'R',
        node: null,
        series: null,
        until: alert.beganAt,
        reason: 'r',
        madeBy: 'operator',
        madeAt: alert.beganAt,
      },
    ],
    history: async () => [{ ...alert, state: 'resolved', resolvedAt: alert.beganAt }],
    silence: async () => ({ id: '2' }),
    unsilence: async (id) => id === '2',
  },
  findings: async () => ({
    score: 90,
    findings: [
      {
        node: 'primary',
        check: 'unused-index',
        category: 'indexes',
        gravity: 'warn',
        subject: 'index i',
        what: 'w',
        evidence: { scans: 0 },
        why: 'y',
        fix: ['drop index i'],
        undo: [],
        advice: null,
      },
    ],
    notAsked: [{ node: 'primary', check: 'c', why: 'w' }],
    silent: ['replica'],
  }),
  explain: async () => ({ plan: { Plan: {} }, insights: [], suggestions: [] }),
  partitions: { status: async () => [table] },
  tiers: { status: async () => [tiered], request: async () => undefined },
  archives: async () => [archive],
  backup: { status: async () => backups },
}

const statuses: Readonly<Record<string, number>> = {
  '/api/alerts/silences': 201,
  '/api/tiers/:table/:partition/move': 202,
}
const bodies: Readonly<Record<string, object>> = {
  '/api/alerts/silences': { rule: 'R', minutes: 5, reason: 'known' },
  '/api/tiers/:table/:partition/move': { what: 'pack' },
  '/api/explain': { sql: 'select $1', params: ['x'], analyze: false },
}
const urlOf = ({ path }: Route): string =>
  path.replace(':name', 'analyze').replace(':id', '2').replace(':table', 'plays').replace(':partition', 'p') +
  (path === '/api/series' ? '?metric=pgstrata_connections' : '')

describe('with everything that can be configured', () => {
  test.each(
    allRoutes.filter(({ kind }) => kind === 'json').map((route) => [`${route.method} ${route.path}`, route] as const),
  )('%s answers as its schema says', async (_, route) => {
    const { url } = await serve({ tokens: guarded }, everything)
    const response = await fetch(url + urlOf(route), {
      method: route.method,
      headers: { ...bearer(manageToken), ...(route.method === 'POST' ? { 'content-type': 'application/json' } : {}) },
      ...(route.method === 'POST' ? { body: JSON.stringify(bodies[route.path] ?? {}) } : {}),
    })
    const value = (await response.json()) as unknown
    expect([response.status, value]).toEqual([statuses[route.path] ?? 200, value])
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    if (route.kind === 'json') {
      await expectFits(route.answer.schema, value)
      expect(route.answer.check(value, '')).toBeUndefined()
    }
  })
})

test.each(allRoutes.filter(({ needs }) => needs !== undefined).map((route) => [route.path, route] as const))(
  '%s says what to declare where it is not',
  async (_, route) => {
    const { url } = await serve({ tokens: guarded })
    const response = await fetch(url + urlOf(route), {
      method: route.method,
      headers: { ...bearer(manageToken), ...(route.method === 'POST' ? { 'content-type': 'application/json' } : {}) },
      ...(route.method === 'POST' ? { body: JSON.stringify(bodies[route.path] ?? {}) } : {}),
    })
    const value = (await response.json()) as { error: { code: string; advice: string } }
    expect([response.status, value.error.code]).toEqual([501, 'HTTP_NOT_CONFIGURED'])
    expect(value.error.advice).toContain(`\`${route.needs ?? ''}\``)
    await expectFits(errorShape.schema, value)
  },
)

test.each([
  ['a metric that is missing', '/api/series', 'query.metric'],
  ['a metric that there is not', '/api/series?metric=m', 'query.metric'],
  ['a parameter that there is not', '/api/series?metric=m&metrics=m', 'query'],
  ['a parameter that came twice', '/api/series?metric=m&metric=m', 'query.metric'],
  ['a time that is none', '/api/series?metric=m&from=yesterday', 'query.from'],
  ['an end before its beginning', '/api/load?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'query.from'],
  ['a span of ten years', '/api/load?from=2016-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'query.from'],
  ['a step that is too fine', '/api/load?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&step=1', 'query.step'],
  ['a step that is no number', '/api/load?step=1e3', 'query.step'],
  ['a limit above its bound', '/api/statements?limit=100000', 'query.limit'],
  ['an order that there is not', '/api/statements?by=name', 'query.by'],
])('%s is refused, with its place and without its value', async (_, path, place) => {
  const { url } = await serve({}, everything)
  const response = await fetch(url + path)
  const { error } = (await response.json()) as { error: { code: string; message: string; expected: string } }
  expect([response.status, error.code]).toEqual([400, 'VALUE_INVALID'])
  expect(error.message).toContain(place)
  expect(error.expected).not.toBe('')
  expect(JSON.stringify(error)).not.toMatch(/yesterday|1e3|100000/)
})

test.each([
  ['no JSON', '{', 'application/json', 400],
  ['a list', '[]', 'application/json', 400],
  ['text', 'sql', 'text/plain', 415],
  ['a form', 'sql=1', 'application/x-www-form-urlencoded', 415],
  ['a field that there is not', '{"sql":"select 1","sqls":1}', 'application/json', 400],
  ['a field of another type', '{"sql":1}', 'application/json', 400],
  ['a prototype', '{"sql":"select 1","__proto__":{"x":1}}', 'application/json', 400],
  ['too much', JSON.stringify({ sql: 'x'.repeat(70_000) }), 'application/json', 413],
])('a body of %s is refused', async (_, body, type, status) => {
  const { url } = await serve({ tokens: guarded }, everything)
  const response = await fetch(`${url}/api/explain`, {
    method: 'POST',
    headers: { ...bearer(manageToken), 'content-type': type },
    body,
  })
  const value = await response.json()
  expect([response.status, value]).toEqual([status, value])
  await expectFits(errorShape.schema, value)
})

test('a path that there is not is 404, a method that it does not take 405 with those it takes', async () => {
  const { url } = await serve()
  const ask = async (path: string, method: string): Promise<unknown[]> => {
    const response = await fetch(url + path, { method })
    const { error } = (await response.json()) as { error: { code: string } }
    return [response.status, error.code, response.headers.get('allow')]
  }
  expect(await ask('/nothing', 'GET')).toEqual([404, 'HTTP_NOT_FOUND', null])
  expect(await ask('/health', 'POST')).toEqual([405, 'HTTP_METHOD', 'GET, HEAD'])
  expect(await ask('/health?x=1', 'PROPFIND')).toEqual([405, 'HTTP_METHOD', 'GET, HEAD'])
  expect(await ask('/api/alerts/silences/1', 'GET')).toEqual([405, 'HTTP_METHOD', 'DELETE'])
  expect((await fetch(`${url}/health`, { method: 'HEAD' })).status).toBe(200)
})

test('what fails says its code where it is ours, and nothing where it is not', async () => {
  const secret = 'password=hunter2 at /home/somebody'
  const { url, logged } = await serve(
    {},
    {
      rollups: { status: () => Promise.reject(new StrataError('SCHEMA_OLDER', { message: 'Not installed' })) },
      views: { status: () => Promise.reject(new Error(secret)) },
      partitions: { status: () => Promise.reject(Object.assign(new Error(secret), { code: '42501' })) },
    },
  )
  const ask = async (path: string): Promise<unknown[]> => {
    const response = await fetch(url + path)
    const { error } = (await response.json()) as { error: { code: string; advice: string } }
    return [response.status, error]
  }
  const { status, advice } = errorTable.SCHEMA_OLDER
  expect(await ask('/api/rollups')).toEqual([status, { code: 'SCHEMA_OLDER', message: 'Not installed', advice }])
  expect(await ask('/api/views')).toMatchObject([500, { code: 'INTERNAL', message: 'Something failed' }])
  expect(await ask('/api/partitions')).toMatchObject([503, { code: 'DATABASE_PRIVILEGE' }])
  expect(JSON.stringify([logged, await ask('/api/views'), await ask('/api/partitions')])).not.toContain('hunter2')
})

test('what did not change is not sent again', async () => {
  const { url } = await serve({ tokens: guarded }, everything)
  const headers = bearer(readToken)
  const first = await fetch(`${url}/api/partitions`, { headers })
  expect(first.headers.get('cache-control')).toBe('private, no-cache')
  const etag = first.headers.get('etag') ?? ''
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`]) {
    const again = await fetch(`${url}/api/partitions`, { headers: { ...headers, 'if-none-match': known } })
    expect([again.status, await again.text()]).toEqual([304, ''])
  }
  expect((await fetch(`${url}/api/partitions`, { headers: { ...headers, 'if-none-match': '"other"' } })).status).toBe(
    200,
  )
  const open = await fetch(`${url}/openapi.json`)
  expect(open.headers.get('cache-control')).toBe('public, max-age=300')
  expect((await fetch(`${url}/health`)).headers.get('cache-control')).toBe('no-store')
})

test('a thousand who ask at once ask the database once', async () => {
  let asked = 0
  // However long a hundred take on this machine, they are at once.
  const { url } = await serve({}, { rollups: { status: async () => (asked++, []) } }, fakeClock())
  await Promise.all(Array.from({ length: 100 }, () => fetch(`${url}/api/rollups`).then((response) => response.text())))
  expect(asked).toBe(1)
})

const silent: AlertsSource = { ...(everything.alerts as AlertsSource), silences: async () => [] }

test('who asks after a change was answered sees it, also where somebody asked a moment before, and is still waiting', async () => {
  const standing: SilenceRecord[] = []
  const waiting: (() => void)[] = []
  let isSlow = false
  const { url } = await serve(
    { tokens: guarded },
    {
      ...everything,
      alerts: {
        ...silent,
        silences: async () => {
          const seen = [...standing]
          if (isSlow) await new Promise<void>((resolve) => waiting.push(resolve))
          return seen
        },
        silence: async ({ reason, madeBy = '' }) => {
          const { beganAt: madeAt } = alert
          standing.push({ id: '9', rule: null, node: null, series: null, until: madeAt, madeAt, reason, madeBy })
          return { id: '9' }
        },
      },
    },
  )
  const silences = async (): Promise<unknown> => {
    const response = await fetch(`${url}/api/alerts`, { headers: bearer(readToken) })
    return ((await response.json()) as { silences: unknown }).silences
  }
  const silence = (): Promise<Response> =>
    fetch(`${url}/api/alerts/silences`, {
      method: 'POST',
      headers: { ...bearer(manageToken), 'content-type': 'application/json' },
      body: JSON.stringify(bodies['/api/alerts/silences']),
    })
  expect(await silences()).toEqual([])
  expect((await silence()).status).toBe(201)
  expect(await silences()).toMatchObject([{ id: '9' }])
  // One that began before the next change, and hangs: whoever comes after the change does not get what it saw.
  expect((await silence()).status).toBe(201)
  isSlow = true
  const before = silences()
  await waitUntil(() => waiting.length === 1, { what: 'it waits' })
  isSlow = false
  expect((await silence()).status).toBe(201)
  expect(await silences()).toHaveLength(3)
  waiting[0]?.()
  expect(await before).toHaveLength(2)
})

describe('while the database is away', () => {
  const away = (): Promise<never> =>
    Promise.reject(new StrataError('DATABASE_UNREACHABLE', { message: 'Cannot connect to me@secret.internal' }))
  const gone: Partial<Sources> = {
    ...everything,
    watch: { ...watch, now: away, store: { ...watch.store, calls: away, statements: away, shapes: away } },
    alerts: { ...silent, open: away },
    findings: away,
    askDatabase: away,
  }

  test.each([
    ['/health/performance', ['calls of all processes', 'what is measured']],
    ['/database/metrics', ['what is measured']],
    ['/database/connections', ['what is measured']],
    ['/database/query-analysis', ['findings', 'calls of all processes', 'statements']],
    ['/database/health', ['what is measured', 'what the server says']],
    ['/api/overview', ['alerts', 'what is measured']],
  ])('%s says what it knows, and what is missing', async (path, missing) => {
    const { url } = await serve({}, gone)
    const response = await fetch(url + path)
    const value = (await response.json()) as { missing: readonly string[] }
    expect([response.status, value]).toEqual([200, value])
    expect(value.missing.toSorted()).toEqual(missing.map((what) => `${what} (DATABASE_UNREACHABLE)`).toSorted())
    expect(JSON.stringify(value)).not.toContain('secret')
    const route = allRoutes.find((one) => one.path === path)
    expect.assert(route?.kind === 'json')
    await expectFits(route.answer.schema, value)
  })

  test.each(['/api/tables', '/api/indexes', '/api/sessions'])(
    '%s, which is nothing but that, is refused',
    async (path) => {
      const { url } = await serve({}, gone)
      const response = await fetch(url + path)
      expect([response.status, await response.json()]).toMatchObject([503, { error: { code: 'DATABASE_UNREACHABLE' } }])
    },
  )
})

test('texts of statements stay in the scrape while the store cannot be read', async () => {
  const counted = { ...gauge('pgstrata_statement_seconds', ['queryid']) }
  const readings = latestOf([{ metric: counted, labels: ['7'], value: 1 }])
  const [known] = await watch.store.statements({ from: new Date(0), to: new Date(1) })
  let isAway = false
  const statements = async (): Promise<NonNullable<typeof known>[]> => {
    if (isAway) throw new StrataError('DATABASE_LOST', { message: 'gone' })
    return known === undefined ? [] : [{ ...known, text: 'select 7' }]
  }
  const clock = fakeClock()
  const { url } = await serve(
    {},
    { watch: { ...watch, latest: readings, store: { ...watch.store, statements } } },
    clock,
  )
  const scrape = async (): Promise<string> => await (await fetch(`${url}/metrics`)).text()
  const line = 'pgstrata_statement_info{queryid="7",text="select 7"} 1'
  expect(await scrape()).toContain(line)
  isAway = true
  clock.advance(2_000)
  expect(await scrape()).toContain(line)
})

interface Documented {
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>
}

/** Every way to be refused that a request can take, with its status. */
const refusals: readonly (readonly [string, (route: Route) => boolean, RequestInit, number])[] = [
  ['no token', ({ access }) => access !== 'open', {}, 401],
  ['a token that may only look', ({ access }) => access === 'manage', { headers: bearer(readToken) }, 403],
  [
    'a body that is no JSON',
    ({ body }) => body !== undefined,
    { body: '{', headers: { ...bearer(manageToken), 'content-type': 'application/json' } },
    400,
  ],
  [
    'a body that is text',
    ({ body }) => body !== undefined,
    { body: 'x', headers: { ...bearer(manageToken), 'content-type': 'text/plain' } },
    415,
  ],
  [
    'a body that is too large',
    ({ body }) => body !== undefined,
    { body: 'x'.repeat(70_000), headers: { ...bearer(manageToken), 'content-type': 'application/json' } },
    413,
  ],
]

test('the OpenAPI document has the refusals of every route, as they are', async () => {
  const { url } = await serve({ tokens: guarded })
  const { paths, components } = (await (await fetch(`${url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, Documented>>
    components: { schemas: { Error: JsonSchema } }
  }
  const documented = ({ method, path }: Route): Documented['responses'] =>
    paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()]?.responses ?? {}
  for (const [what, concerns, given, status] of refusals) {
    for (const route of allRoutes.filter(concerns)) {
      const response = await fetch(url + urlOf(route), { method: route.method, ...given })
      const value = (await response.json()) as { error: { code: string } }
      expect([route.path, what, response.status]).toEqual([route.path, what, status])
      const entry = documented(route)[status]
      expect([route.path, what, entry?.description]).toEqual([
        route.path,
        what,
        expect.stringContaining(`\`${value.error.code}\``) as string,
      ])
      await expectFits(components.schemas.Error, value)
    }
  }
  for (const route of allRoutes) {
    const statuses = Object.keys(documented(route))
    expect([route.path, statuses]).toEqual([route.path, expect.arrayContaining(['400', '500', '503']) as string[]])
    expect([route.path, statuses.includes('429')]).toEqual([route.path, route.access !== 'open'])
    expect([route.path, statuses.includes('501')]).toEqual([route.path, route.needs !== undefined])
    expect([route.path, statuses.includes('413')]).toEqual([route.path, route.body !== undefined])
    expect([route.path, statuses.some((status) => status.startsWith('2'))]).toEqual([route.path, true])
  }
  expect(Object.keys(documented(allRoutes.find(({ method }) => method === 'DELETE') as Route))).toContain('404')
})

test('the OpenAPI document has every route, with what it takes and answers', async () => {
  const { url } = await serve()
  const { openapi, paths } = (await (await fetch(`${url}/openapi.json`)).json()) as {
    openapi: string
    paths: Record<string, Record<string, { summary: string; operationId: string; parameters: { name: string }[] }>>
  }
  expect(openapi).toBe('3.1.0')
  const listed = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  expect(listed.toSorted()).toEqual(
    allRoutes.map(({ method, path }) => `${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, '{$1}')}`).toSorted(),
  )
  const ids = Object.values(paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId))
  expect(new Set(ids).size).toBe(ids.length)
  expect(paths['/api/series']?.['get']?.parameters.map(({ name }) => name)).toContain('metric')
})
