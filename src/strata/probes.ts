// What `doctor` asks, in its order: servers first, then what is kept in them, then what the features ask.

import type { Clock } from '../base/clock.ts'
import type { Probe } from '../base/probe.ts'
import type { Random } from '../base/random.ts'
import { cacheProbes } from '../cache/index.ts'
import { catalogProbes } from '../catalog/probes.ts'
import { changesProbes } from '../changes/feed/index.ts'
import type { ResolvedConfig } from '../config/index.ts'
import type { Db } from '../db/db.ts'
import type { ConfiguredNode } from '../db/node-facts.ts'
import { nodeProbes } from '../db/node-probes.ts'
import { serverProbes, settingProbes } from '../db/probes.ts'
import type { Migrate } from '../migrate/index.ts'
import { migrateProbes } from '../migrate/probes.ts'
import { probesOfBackups, type BackingUp } from './backing-up.ts'
import type { Tiering } from './tiering.ts'

export interface ProbedParts {
  readonly db: Db
  readonly nodes: readonly ConfiguredNode[]
  readonly migrate: Migrate
  readonly tiering: Tiering
  readonly backups: BackingUp
  readonly clock: Clock
  readonly random: Random
}

export function assembleProbes(config: ResolvedConfig, parts: ProbedParts): readonly Probe[] {
  const { db, nodes, migrate, tiering, backups, clock, random } = parts
  return [
    ...serverProbes(db, nodes[0]?.db === db ? 'primary' : 'direct'),
    ...nodeProbes({ reference: db, nodes, clock }),
    ...settingProbes(db),
    ...catalogProbes(db),
    ...migrateProbes(migrate),
    ...cacheProbes({ redis: config.cache.options.redis, clock, random }),
    ...changesProbes(db, config.changes),
    ...tiering.tiers.probes,
    ...probesOfBackups(backups, db),
  ]
}
