import type { Scenario } from '../harness/scenario.ts'
import { connectScenario } from './connect.ts'
import { devScenario } from './dev.ts'
import { migrateScenario } from './migrate.ts'

export const scenarios: readonly Scenario[] = [migrateScenario, devScenario, connectScenario]
