// Every route there is, in the order in which the documentation has them.

import { streamRoute, type Route } from '../route.ts'
import { alertRoutes } from './alerts.ts'
import { databaseRoutes } from './database.ts'
import { healthRoutes } from './health.ts'
import { metricsRoutes } from './metrics.ts'
import { tierRoutes } from './tiers.ts'
import { upkeepRoutes } from './upkeep.ts'
import { watchRoutes } from './watch.ts'

export const allRoutes: readonly Route[] = [
  ...healthRoutes,
  ...databaseRoutes,
  ...metricsRoutes,
  ...watchRoutes,
  ...alertRoutes,
  ...upkeepRoutes,
  ...tierRoutes,
  streamRoute({
    method: 'GET',
    path: '/stream',
    group: 'live',
    summary:
      'Live events as a stream (Server-Sent Events): `?topics=` is a JSON list of topics, as docs/live.md has them.',
    access: 'read',
    cache: 'none',
    needs: 'live',
  }),
]
