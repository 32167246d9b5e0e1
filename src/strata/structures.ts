// The features that keep something in the database, and what they contribute to a plan.

import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import { contributeCatalog } from '../catalog/desired.ts'
import { readInstalledVersion } from '../catalog/install.ts'
import type { ResolvedConfig } from '../config/index.ts'
import type { Db, Session } from '../db/db.ts'
import { nextTickMs } from '../maintain/index.ts'
import { createConversion, type Conversion } from '../partitions/convert/index.ts'
import { createPartitions, type Partitions } from '../partitions/index.ts'
import {
  applyPlan,
  readPlan,
  type ApplyOptions,
  type ApplyReport,
  type Contribution,
  type Plan,
} from '../plan/index.ts'
import { createRollups, type Rollups } from '../rollups/index.ts'
import { createViews, type Views } from '../views/index.ts'
import { createTiering, type Tiering } from './tiering.ts'
import { watchRollups, watchTables, watchTablesSince } from './watch-tables.ts'

export interface Structures extends Tiering {
  /** The tables that are laid out in time and space. */
  readonly partitions: Partitions
  /** What is done to rollups: their part of the plan, merging, filling, verifying. */
  readonly rollup: Rollups
  /** Views: how fresh materialized ones are, and refreshing them. */
  readonly views: Views
  /** Turns live tables into partitioned ones, while they are used. */
  readonly conversion: Conversion
}

export interface StructuralWork {
  plan(): Promise<Plan>
  apply(options?: Pick<ApplyOptions, 'accept' | 'overwrite' | 'onEvent' | 'signal'>): Promise<ApplyReport>
}

export function createStructures(
  config: ResolvedConfig,
  tools: { readonly db: Db; readonly clock: Clock; readonly random: Random },
): Structures {
  const { ladder } = config
  const tables = [...config.tables, ...watchTables(config.watch)]
  const rollups = [...config.rollups, ...watchRollups(config.watch)]
  const views: Views = createViews({
    ...tools,
    views: config.views,
    plain: config.plainViews,
    awaited: (session) => rollup.awaited(session),
    ladder,
    nextTickMs,
  })
  const rollup: Rollups = createRollups({ ...tools, rollups, carryReaders: views.carryReaders })
  return {
    partitions: createPartitions({ ...tools, tables, ladder, monthlyIn: config.monthlyFunctionIn }),
    ...createTiering(config, tools),
    rollup,
    views,
    conversion: createConversion({ ...tools, ladder }),
  }
}

/** What features contribute, shown or carried out. */
export function structuralWork(
  config: ResolvedConfig,
  { db, ...features }: Structures & { readonly db: Db },
  tools: { readonly clock: Clock; readonly random: Random },
): StructuralWork {
  const { ladder, waitMs } = config
  // What is measured is laid out once its tables are there: who installs them reads again.
  const before = createStructures({ ...config, watch: undefined }, { db, ...tools })
  const contribute = async (session: Session): Promise<readonly Contribution[]> => {
    const installed = await readInstalledVersion(session)
    return await contributeAll(session, installed, installed < watchTablesSince ? before : features)
  }
  return {
    plan: () => db.withSession(async (session) => await readPlan(session, await contribute(session))),
    apply: (options = {}) => applyPlan({ db, contribute, ladder, waitMs, ...tools, ...options }),
  }
}

/** Tables are laid out before rollups watch their partitions, and read the history of those that have tiers; views may read all that. */
async function contributeAll(
  session: Session,
  installed: number,
  { partitions, tiers, rollup, views }: Structures,
): Promise<readonly Contribution[]> {
  const laidOut = await partitions.contribute(session)
  const tiering = await tiers.contribute(session)
  return [
    contributeCatalog(installed),
    laidOut,
    tiering,
    await rollup.contribute(session, tiering.begun),
    await views.contribute(session),
  ]
}
