// Live events as the configuration declares them: with the way between processes, and with lists that are read from the primary.

import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { Db } from '../db/db.ts'
import { createLive, type Live } from './live.ts'
import type { LiveLimits, LiveRollup, LiveTable, LiveTop, TopQuestion } from './options.ts'
import { readDatabaseName, readNow } from './place.ts'
import { throughDatabase } from './through/database.ts'
import { throughProcess } from './through/process.ts'
import { throughRedis } from './through/redis.ts'
import type { Transport } from './wire.ts'

export interface LiveSettings {
  readonly tables: readonly LiveTable[]
  readonly rollups: readonly LiveRollup[]
  readonly tops: readonly Omit<LiveTop, 'read'>[]
  readonly through: 'redis' | 'database' | 'process'
  readonly limits: Partial<LiveLimits>
}

export interface DeclaredLiveTools {
  /** undefined: nothing can be subscribed to. */
  readonly settings: LiveSettings | undefined
  /** The primary, without a pooler. */
  readonly db: Db
  readonly url: string
  readonly redis: string | undefined
  readonly prefix: string | undefined
  /** From the primary. */
  readonly readTop: (question: TopQuestion) => Promise<readonly object[]>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export function createDeclaredLive({ settings, readTop, ...tools }: DeclaredLiveTools): Live {
  const { db, clock, random, logger } = tools
  return createLive({
    db,
    tables: settings?.tables ?? [],
    rollups: settings?.rollups ?? [],
    tops: (settings?.tops ?? []).map((top) => ({
      ...top,
      read: async (question) => {
        const rows = await readTop(question)
        // Afterwards: what was read is not behind it.
        return { rows, lsn: (await readNow(db)).lsn }
      },
    })),
    limits: settings?.limits,
    transport: openTransport(settings?.through ?? 'process', tools),
    clock,
    random,
    logger,
  })
}

function openTransport(
  through: LiveSettings['through'],
  { db, url, redis, prefix, clock, random, logger }: Omit<DeclaredLiveTools, 'settings' | 'readTop'>,
): Transport {
  if (through === 'process') return throughProcess()
  if (through === 'database' || redis === undefined) return throughDatabase({ db, url, clock, logger })
  return throughRedis({ url: redis, prefix: prefix ?? (() => readDatabaseName(db)), clock, random, logger })
}
