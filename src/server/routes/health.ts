// How things are, for whoever asks: people, load balancers, orchestrators. Answered from what is known, without a look at anything.

import {
  healthShape,
  livenessShape,
  readinessShape,
  type Health,
  type Liveness,
  type Readiness,
} from '../contract/health.ts'
import { performanceShape, type Performance } from '../contract/database.ts'
import { jsonRoute, type Route } from '../route.ts'
import { readCalls } from './applications.ts'
import { cacheStatisticsOf, Parts, poolOf } from './readings.ts'

export const healthRoutes: readonly Route[] = [
  jsonRoute<Health>({
    method: 'GET',
    path: '/health',
    group: 'health',
    summary:
      'The primary, where the pool finds it, replicas, Redis, the feed and jobs, as they were seen last; 503 while nobody takes writes.',
    access: 'open',
    cache: 'none',
    answer: healthShape,
    asks: 'nothing',
    status: ({ status }) => (status === 'down' ? 503 : 200),
    statuses: { 200: 'Applications can work.', 503: 'They cannot: `status` is `down`.' },
    handle: (_, { health }) => health.read(),
  }),
  jsonRoute<Liveness>({
    method: 'GET',
    path: '/health/live',
    group: 'health',
    summary: 'That this process answers, whatever else is away.',
    access: 'open',
    cache: 'none',
    answer: livenessShape,
    asks: 'nothing',
    handle: () => ({ status: 'ok' }),
  }),
  jsonRoute<Readiness>({
    method: 'GET',
    path: '/health/ready',
    group: 'health',
    summary: 'Whether it can do its work: 503 while nobody takes writes, and while the server is about to stop.',
    access: 'open',
    cache: 'none',
    answer: readinessShape,
    asks: 'nothing',
    status: ({ status }) => (status === 'ready' ? 200 : 503),
    statuses: { 200: 'It is.', 503: 'It is not.' },
    handle: async (_, { health }) => {
      const { status, problems } = await health.read()
      return { status: status === 'down' ? 'not ready' : 'ready', problems }
    },
  }),
  jsonRoute<Performance>({
    method: 'GET',
    path: '/health/performance',
    group: 'health',
    summary:
      'Calls of the last minute, of this process and of all, the pool and the cache of this process, besides the health.',
    access: 'read',
    cache: 'none',
    answer: performanceShape,
    asks: 'nothing',
    handle: async (_, tools) => {
      const { health, sources } = tools
      const parts = new Parts()
      return {
        health: await health.read(),
        calls: sources.calls.summary(60_000),
        applications: await readCalls(parts, tools, { windowMs: 60_000, limit: 10 }),
        pool: poolOf(sources),
        cache: cacheStatisticsOf(sources, await parts.series(tools)),
        slowest: sources.calls.slowest(10),
        missing: parts.missing,
      }
    },
  }),
]
