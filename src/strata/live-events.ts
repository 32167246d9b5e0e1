// Live events as the configuration declares them, with the readers of rollups that lists are asked of.

import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { ResolvedConfig } from '../config/index.ts'
import type { Db } from '../db/db.ts'
import { createDeclaredLive, type Live } from '../live/index.ts'
import type { Rollups } from '../rollups/index.ts'

interface LiveTools {
  readonly db: Db
  readonly rollup: Rollups
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

/** Lists are the first rows of a rollup's totals, as the primary has them. */
export function createLiveEvents(
  { live: settings, database, cache }: ResolvedConfig,
  { rollup, ...tools }: LiveTools,
): Live {
  const readers = rollup.readers(async (statement) => await tools.db.query(statement)) as unknown as Readonly<
    Record<string, RollupTotals | undefined>
  >
  return createDeclaredLive({
    ...tools,
    settings,
    url: database.direct,
    redis: cache.options.redis,
    prefix: cache.prefix,
    readTop: async ({ name, orderBy, limit }) =>
      (await readers[name]?.totals().orderBy(orderBy, 'desc').limit(limit).rows()) ?? [],
  })
}

interface RollupTotals {
  totals(): {
    orderBy(column: string, direction: 'desc'): { limit(rows: number): { rows(): Promise<readonly object[]> } }
  }
}
