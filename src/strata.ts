// The composition root: a configuration in, everything wired out. Nothing connects before it is asked to.

import { systemClock, type Clock } from './base/clock.ts'
import type { Probe } from './base/probe.ts'
import { silentLogger, type Logger } from './base/logger.ts'
import { systemRandom, type Random } from './base/random.ts'
import { contributeCatalog } from './catalog/desired.ts'
import { readInstalledVersion } from './catalog/install.ts'
import { catalogProbes } from './catalog/probes.ts'
import type { ResolvedConfig } from './config/index.ts'
import type { Db, Session } from './db/db.ts'
import { openDb } from './db/pg-db.ts'
import { serverProbes, settingProbes } from './db/probes.ts'
import { createMigrate, type Migrate } from './migrate/index.ts'
import { migrateProbes } from './migrate/probes.ts'
import { applyPlan, readPlan, type ApplyOptions, type ApplyReport, type Contribution, type Plan } from './plan/index.ts'

export interface Strata {
  readonly config: ResolvedConfig
  /** The direct way to the primary, for structural work. */
  readonly db: Db
  readonly migrate: Migrate
  plan(): Promise<Plan>
  apply(options?: Pick<ApplyOptions, 'accept' | 'overwrite' | 'onEvent' | 'signal'>): Promise<ApplyReport>
  /** What `doctor` asks. */
  readonly probes: readonly Probe[]
  close(): Promise<void>
}

export interface StrataTools {
  readonly clock?: Clock
  readonly random?: Random
  readonly logger?: Logger
}

export function openStrata(config: ResolvedConfig, tools: StrataTools = {}): Strata {
  const { clock = systemClock, random = systemRandom, logger = silentLogger } = tools
  const { connectTimeoutMs } = config.database
  const db = openDb({ url: config.database.direct, connectTimeoutMs })
  const viaPrimary =
    config.database.primary === config.database.direct
      ? []
      : [openDb({ url: config.database.primary, connectTimeoutMs })]
  const migrate = createMigrate({ db, options: config.migrate, from: config.root, clock, random, logger })
  return {
    config,
    db,
    migrate,
    plan: async () => await readPlan(db, await contribute(db)),
    apply: (options = {}) =>
      applyPlan({ db, contribute, ladder: config.ladder, waitMs: config.waitMs, clock, random, ...options }),
    probes: [
      ...serverProbes(db, viaPrimary.length === 0 ? 'primary' : 'direct'),
      ...viaPrimary.flatMap((pooled) =>
        serverProbes(pooled, 'primary').filter((probe) => !probe.name.endsWith(': pooler')),
      ),
      ...settingProbes(db),
      ...catalogProbes(db),
      ...migrateProbes(migrate),
    ],
    close: async () => {
      await Promise.all([db, ...viaPrimary].map((opened) => opened.close()))
    },
  }
}

async function contribute(on: Db | Session): Promise<readonly Contribution[]> {
  return [contributeCatalog(await readInstalledVersion(on))]
}
