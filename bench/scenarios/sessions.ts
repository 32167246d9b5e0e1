// The example app sessions: its service before and after what the original design planned, on the same rows and under the same load.

import type { BenchContext, Scenario, ScenarioResult } from '../harness/scenario.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { inTemporaryFolder } from '../support/temporary-folder.ts'
import { fill, withServer } from './sessions/databases.ts'
import { measureLoad, type LoadSizes } from './sessions/load.ts'
import { describe } from './sessions/table.ts'

interface Sizes extends LoadSizes {
  readonly scale: number
}

const sizes: { readonly full: Sizes; readonly quick: Sizes } = {
  full: { scale: 1, rounds: 5, warmUpMs: 2_000, measuredMs: 20_000, probeMs: 5_000, costs: 1_000 },
  quick: { scale: 0.2, rounds: 2, warmUpMs: 1_000, measuredMs: 5_000, probeMs: 2_000, costs: 200 },
}

export const sessionsScenario: Scenario = {
  name: 'sessions',
  title: 'The example app sessions',
  against: 'before',
  goals: {
    p95_ms_250: { atMost: 50 },
    hit_rate: { atLeast: 0.72 },
    redis_mb: { atMost: 100 },
    rps_p95_50ms: { atLeast: 2_500 },
  },
  run: async (context) => await inTemporaryFolder(async (folder) => await measure(folder, context)),
}

async function measure(folder: string, context: BenchContext): Promise<ScenarioResult> {
  const { scale, ...load } = context.quick ? sizes.quick : sizes.full
  const { signal } = context
  const data = await withServer(
    { folder, signal, durable: false },
    async (server) => await fill(server, scale, context),
  )
  const redis = await startRedisServer()
  try {
    return await withServer({ folder, signal }, async (server) => {
      const samples = await measureLoad({ server, redis }, load, context)
      return describe(samples, { postgres: server.cluster.version, data, warmUpMs: load.warmUpMs })
    })
  } finally {
    await redis.close()
  }
}
