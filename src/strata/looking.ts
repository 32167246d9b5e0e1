// A look at the servers of a configuration, as `pgstrata top` takes it.

import type { Clock } from '../base/clock.ts'
import { silentLogger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { ResolvedConfig } from '../config/index.ts'
import { openDb } from '../db/pg-db.ts'
import { createLook, createServerProbes, type Look } from '../watch/index.ts'

export interface Looking {
  /** What all servers are at, now: asked by this process, whether or not `watch` is declared; nothing is stored. */
  look(options?: { readonly everyMs?: number }): Look
}

const applicationName = 'pgstrata top'

export function looking(
  { database, pool, watch }: ResolvedConfig,
  tools: { readonly clock: Clock; readonly random: Random },
): Looking {
  const open = (url: string) => () =>
    openDb({ url, max: 1, connectTimeoutMs: database.connectTimeoutMs, applicationName, answerTimeoutMs: 10_000 })
  return {
    look: ({ everyMs = 2_000 } = {}) =>
      createLook({
        nodes: [
          { name: 'primary', open: open(database.direct) },
          ...pool.replicas.map(({ name, connectionString }) => ({ name, open: open(connectionString) })),
        ],
        probes: createServerProbes({
          clock: tools.clock,
          cores: watch?.cores,
          asksReplicas: pool.replicas.length > 0,
        }),
        everyMs,
        logger: silentLogger,
        ...tools,
      }),
  }
}
