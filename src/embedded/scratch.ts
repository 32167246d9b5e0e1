// A server for trying something out: empty, temporary, in memory where there is plenty, gone after close().

import type { Logger } from '../base/logger.ts'
import type { Db } from '../db/db.ts'
import { openDb } from '../db/pg-db.ts'
import { startCluster, type EmbeddedCluster } from './cluster.ts'
import type { Major } from './packages.ts'

export interface ScratchOptions {
  readonly version?: Major
  readonly from?: string
  readonly settings?: Readonly<Record<string, string>>
  readonly preload?: readonly string[]
  readonly logger?: Logger
  readonly signal?: AbortSignal
}

export interface Scratch {
  readonly cluster: EmbeddedCluster
  /** Leads to `url`. */
  readonly db: Db
  readonly url: string
  close(): Promise<void>
}

export async function openScratch(options: ScratchOptions = {}): Promise<Scratch> {
  const cluster = await startCluster({ ...options, database: 'scratch', inMemory: true })
  const url = cluster.primary.url()
  const db = openDb({ url, applicationName: 'pgstrata scratch' })
  return {
    cluster,
    db,
    url,
    close: async () => {
      await db.close()
      await cluster.stop()
    },
  }
}
