// Mycelix's example app: the six views' questions from plays, from materialized views and from ours, on the same data; keeping them up to
// date; and its service over HTTP. One database, generated once.

import type { BenchContext, Scenario, ScenarioResult } from '../harness/scenario.ts'
import type { Samples } from '../harness/part.ts'
import { measureService, type ServiceSizes } from '../support/http-service.ts'
import { inTemporaryFolder } from '../support/temporary-folder.ts'
import { checkSame } from './mycelix/check.ts'
import { fill, withServer } from './mycelix/database.ts'
import { drawKeys, drawRequests } from './mycelix/mix.ts'
import { measureRefresh, type RefreshSizes } from './mycelix/refresh.ts'
import { describe } from './mycelix/table.ts'
import { measureViews, type ViewSizes } from './mycelix/views.ts'

interface Sizes {
  readonly plays: number
  readonly views: ViewSizes
  readonly refresh: RefreshSizes
  readonly http: ServiceSizes
}

const sizes: { readonly full: Sizes; readonly quick: Sizes } = {
  full: {
    plays: 10_000_000,
    views: { rounds: 3, keys: 5, forMs: 1_000 },
    refresh: { rounds: 2, changed: 100_000 },
    http: { rounds: 3, coldMs: 20_000, warmUpMs: 1_000, probeMs: 5_000 },
  },
  quick: {
    plays: 300_000,
    views: { rounds: 2, keys: 5, forMs: 300 },
    refresh: { rounds: 2, changed: 3_000 },
    http: { rounds: 2, coldMs: 4_000, warmUpMs: 500, probeMs: 2_000 },
  },
}

/** Requests are drawn from so many plays. */
const drawnPlays = 4_000
const drawnRequests = 20_000

export const mycelixScenario: Scenario = {
  name: 'mycelix',
  title: 'The example app mycelix',
  against: 'from plays',
  // At ten million plays a round of questions takes minutes without us.
  fewestRounds: 2,
  goals: {
    views_median_vs_raw: { atLeast: 1_000 },
    refresh_1pct_vs_concurrently: { atLeast: 50 },
    http_p95_ms_250: { atMost: 50 },
    http_rps_p95_50ms: { atLeast: 2_500 },
  },
  run: async (context) => await inTemporaryFolder(async (folder) => await measure(folder, context)),
}

async function measure(folder: string, context: BenchContext): Promise<ScenarioResult> {
  const { plays, views, refresh, http } = context.quick ? sizes.quick : sizes.full
  const { signal } = context
  const data = await withServer({ folder, durable: false, signal }, async ({ url }) => {
    const counts = await fill(url, plays, context)
    await checkSame(url, context)
    return counts
  })
  return await withServer({ folder, durable: true, signal }, async ({ cluster, url }) => {
    const keys = await drawKeys(url, { plays, drawn: drawnPlays })
    const { primary } = cluster
    const service = {
      module: new URL('mycelix/service.ts', import.meta.url),
      input: { url },
      requests: await drawRequests(url, { keys, count: drawnRequests }),
      server: primary,
    }
    const samples: Samples = new Map([
      ...(await measureViews(url, { ...views, from: keys }, context)),
      ...(await measureRefresh(url, refresh, context)),
      ...(await measureService(service, http, context)),
    ])
    return describe(samples, { postgres: cluster.version, data, changed: refresh.changed })
  })
}
