// How old materialized views are. Who refreshes them says so; what is handed in is asked.

import type { ServerProbe } from '../model/server-probe.ts'
import { available, gauge } from './metrics.ts'
import { inSeconds, mostNamed, pointOf } from './named-points.ts'

export interface ViewHealth {
  readonly name: string
  readonly staleMs: number | null
  readonly tookMs: number | null
}

const byView = { labels: ['view'], most: mostNamed }

export function createViewsProbe(views: () => Promise<readonly ViewHealth[]>): ServerProbe {
  return {
    name: 'views',
    question: 'How old is what materialized views say?',
    everyMs: 60_000,
    limitMs: 10_000,
    of: 'elsewhere',
    metrics: [
      gauge('pgstrata_view_age_seconds', 'Age of what a materialized view says.', byView),
      gauge('pgstrata_view_refresh_seconds', 'What its last refresh took.', byView),
    ],
    unavailable: available,
    read: async () => ({
      points: (await views())
        .slice(0, mostNamed)
        .flatMap(({ name, staleMs, tookMs }) => [
          ...pointOf('pgstrata_view_age_seconds', name, inSeconds(staleMs)),
          ...pointOf('pgstrata_view_refresh_seconds', name, inSeconds(tookMs)),
        ]),
    }),
  }
}
