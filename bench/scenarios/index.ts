import type { Scenario } from '../harness/scenario.ts'
import { cacheScenario } from './cache.ts'
import { connectScenario } from './connect.ts'
import { convertScenario } from './convert.ts'
import { devScenario } from './dev.ts'
import { liveScenario } from './live.ts'
import { migrateScenario } from './migrate.ts'
import { mycelixScenario } from './mycelix.ts'
import { partitionsScenario } from './partitions.ts'
import { rollupsScenario } from './rollups.ts'
import { sessionsScenario } from './sessions.ts'
import { streamrScenario } from './streamr.ts'
import { tiersScenario } from './tiers.ts'
import { watchScenario } from './watch.ts'
import { wedefiScenario } from './wedefi.ts'

export const scenarios: readonly Scenario[] = [
  migrateScenario,
  devScenario,
  connectScenario,
  partitionsScenario,
  convertScenario,
  rollupsScenario,
  tiersScenario,
  cacheScenario,
  liveScenario,
  watchScenario,
  mycelixScenario,
  streamrScenario,
  sessionsScenario,
  wedefiScenario,
]
