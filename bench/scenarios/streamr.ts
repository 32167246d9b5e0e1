// StreamrP2P's example app: payouts by the original design's ways beside the rollup, on the same data; its service over HTTP; and live
// events from a probe to a thousand pages. One database, generated once and measured under the settings of two servers.

import type { BenchContext, Scenario, ScenarioResult } from '../harness/scenario.ts'
import type { Samples } from '../harness/part.ts'
import type { ServiceSizes } from '../support/http-service.ts'
import { inTemporaryFolder } from '../support/temporary-folder.ts'
import { fill, withServer } from './streamr/database.ts'
import { measureHttp } from './streamr/http.ts'
import { measureLive, type LiveSizes } from './streamr/live.ts'
import { measurePayouts, type PayoutSizes } from './streamr/payouts.ts'
import { describe, smallSuffix } from './streamr/table.ts'

interface Sizes {
  readonly scale: number
  readonly payouts: PayoutSizes
  readonly http: ServiceSizes
  readonly live: LiveSizes
}

const pages = 1_000
const sizes: { readonly full: Sizes; readonly quick: Sizes } = {
  full: {
    scale: 1,
    payouts: { rounds: 5, forMs: 1_500 },
    http: { rounds: 5, coldMs: 20_000, warmUpMs: 1_000, probeMs: 5_000 },
    live: { rounds: 5, pages, warmUpMs: 3_000, measuredMs: 8_000 },
  },
  quick: {
    scale: 0.05,
    payouts: { rounds: 2, forMs: 500 },
    http: { rounds: 2, coldMs: 4_000, warmUpMs: 500, probeMs: 2_000 },
    live: { rounds: 2, pages, warmUpMs: 2_000, measuredMs: 3_000 },
  },
}

export const streamrScenario: Scenario = {
  name: 'streamr',
  title: 'The example app streamr',
  against: 'the original design',
  goals: {
    payout_stream_vs_n1: { atLeast: 500 },
    payout_node_vs_n1: { atLeast: 80 },
    http_p95_ms_250: { atMost: 50 },
    http_rps_p95_50ms: { atLeast: 2_500 },
    probe_to_page_p99_ms: { atMost: 250 },
  },
  run: async (context) => await inTemporaryFolder(async (folder) => await measure(folder, context)),
}

async function measure(folder: string, context: BenchContext): Promise<ScenarioResult> {
  const { scale, payouts, http, live } = context.quick ? sizes.quick : sizes.full
  const { signal } = context
  const usual = { folder, size: 'usual', signal } as const
  const data = await withServer({ ...usual, durable: false }, async ({ url }) => await fill(url, scale, context))
  const small = await withServer(
    { folder, size: 'small', signal },
    async (server) => await measurePayouts(server, payouts, context),
  )
  return await withServer(usual, async (server) => {
    const { samples, statements } = await measurePayouts(server, payouts, context)
    const all: Samples = new Map([
      ...samples,
      ...[...small.samples].map(([name, values]) => [`${name}${smallSuffix}`, values] as const),
      ...(await measureHttp(server, http, context)),
      ...(await measureLive(server, live, context)),
    ])
    return describe(all, { postgres: server.cluster.version, data, statements, pages })
  })
}
