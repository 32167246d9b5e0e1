// The servers of a configuration, each with a connection of its own to ask it. Nothing connects before it is asked.

import type { ResolvedConfig } from '../config/index.ts'
import type { Db } from '../db/db.ts'
import type { ConfiguredNode } from '../db/node-facts.ts'
import { openDb } from '../db/pg-db.ts'

/** Where the primary is reached as it is for structural work, the same way serves for both. */
export function configuredNodes({ database, pool }: ResolvedConfig, direct: Db): ConfiguredNode[] {
  const { connectTimeoutMs } = database
  // Besides its pool a process has one connection to each server that looks where it stands.
  const watching = pool.replicas.length === 0 ? 0 : 1
  return [
    {
      name: 'primary',
      db: database.primary === database.direct ? direct : openDb({ url: database.primary, connectTimeoutMs }),
      isReplica: false,
      maxLagMs: 0,
      connections: pool.max + watching,
    },
    ...pool.replicas.map((replica) => ({
      name: replica.name,
      db: openDb({ url: replica.connectionString, connectTimeoutMs }),
      isReplica: true,
      maxLagMs: replica.maxLag,
      connections: replica.max + watching,
    })),
  ]
}
