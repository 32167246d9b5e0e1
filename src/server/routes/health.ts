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
import { cacheStatisticsOf, poolOf, seriesNow } from './readings.ts'

export const healthRoutes: readonly Route[] = [
  jsonRoute<Health>({
    method: 'GET',
    path: '/health',
    group: 'health',
    summary: 'The primary, replicas, Redis, the feed and jobs, as they were seen last; 503 while the primary is away.',
    access: 'open',
    cache: 'none',
    answer: healthShape,
    status: ({ status }) => (status === 'down' ? 503 : 200),
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
    handle: () => ({ status: 'ok' }),
  }),
  jsonRoute<Readiness>({
    method: 'GET',
    path: '/health/ready',
    group: 'health',
    summary: 'Whether it can do its work: 503 while the primary is away, and while the server is about to stop.',
    access: 'open',
    cache: 'none',
    answer: readinessShape,
    status: ({ status }) => (status === 'ready' ? 200 : 503),
    handle: async (_, { health }) => {
      const { status, problems } = await health.read()
      return { status: status === 'down' ? 'not ready' : 'ready', problems }
    },
  }),
  jsonRoute<Performance>({
    method: 'GET',
    path: '/health/performance',
    group: 'health',
    summary: 'Calls of this process in the last minute, its pool and its cache, besides the health.',
    access: 'read',
    cache: 'none',
    answer: performanceShape,
    handle: async (_, tools) => {
      const { health, sources } = tools
      return {
        health: await health.read(),
        calls: sources.calls.summary(60_000),
        pool: poolOf(sources),
        // It answers while the database is away, too.
        cache: cacheStatisticsOf(sources, await seriesNow(tools).catch(() => [])),
        slowest: sources.calls.slowest(10),
      }
    },
  }),
]
