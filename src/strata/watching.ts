// Watching as the configuration declares it: which servers, what else is asked, over which connections.
//
// What must be true: nothing is made where `watch` is not declared, and nothing connects before it is started or asked. A connection of
// its own for each server, so that what is measured does not wait for who is measured; one for the lease and one to write by; others for
// probes that read our own tables, and for whoever reads the store, under a limit of the server: however slow those are, the lease is kept.

import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/logger.ts'
import type { Random } from '../base/random.ts'
import type { ResolvedConfig } from '../config/index.ts'
import { boundedReads } from '../db/bounded-reads.ts'
import { openDb } from '../db/pg-db.ts'
import type { Jobs } from '../maintain/index.ts'
import { RedisLink } from '../redis/index.ts'
import { readArchives } from '../tiers/index.ts'
import {
  createApplicationsProbe,
  createBackupProbe,
  createCallsProbe,
  createExpectedIndexProbe,
  createPgBouncerProbe,
  createRedisProbe,
  createServerProbes,
  createTiersProbe,
  createUpkeepProbes,
  createWatching,
  type OtherNode,
  type SampledNode,
  type ServerProbe,
  type TierSources,
  type UpkeepOptions,
  type Watching,
} from '../watch/index.ts'
import type { Backup } from '../backup/index.ts'
import { backupHealth } from './backing-up.ts'
import type { Structures } from './structures.ts'
import { archiveHealth, tierHealth } from './tier-health.ts'
import { jobHealth, partitionHealth } from './upkeep-health.ts'

export interface WatchTools {
  readonly structures: Structures
  readonly jobs: Jobs
  readonly backup: Backup | undefined
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface OpenedWatching extends Watching {
  /** stop(), and the connections. */
  close(): Promise<void>
}

const applicationName = 'pgstrata watch'
/** Longer than any probe may take: what is not answered by then was swallowed by the network. */
const answerTimeoutMs = 20_000
/** The lease, and what is written. */
const storeConnections = 2
/** For HTTP and programs. */
const readConnections = 2
const readLimitMs = 5_000
/** Of probes that read our own tables: one is asked at a time. */
const askConnections = 1
const askLimitMs = 2_000

export function createConfiguredWatching(config: ResolvedConfig, given: WatchTools): OpenedWatching | undefined {
  const { watch: settings, database, pool, cache } = config
  if (settings === undefined) return undefined
  const { structures, jobs, backup, clock, random, logger } = given
  const open = (url: string, max: number): SampledNode['open'] => {
    const { connectTimeoutMs } = database
    return () => openDb({ url, max, connectTimeoutMs, applicationName, answerTimeoutMs })
  }
  const store = open(database.direct, storeConnections)()
  const reading = open(database.direct, readConnections)()
  const asking = open(database.direct, askConnections)()
  const ownTables = boundedReads({ db: asking, connections: askConnections, limitMs: askLimitMs, clock })
  const nodes: readonly SampledNode[] = [
    { name: 'primary', open: open(database.direct, 1) },
    ...pool.replicas.map(({ name, connectionString }) => ({ name, open: open(connectionString, 1) })),
  ]
  const probes = (): readonly ServerProbe[] => [
    ...createServerProbes({ clock, cores: settings.cores, asksReplicas: pool.replicas.length > 0 }),
    ...(config.expected.length === 0 ? [] : [createExpectedIndexProbe(config.expected)]),
  ]
  const bouncer = settings.pgbouncer === undefined ? undefined : open(settings.pgbouncer, 1)()
  const { redis } = cache.options
  const link = redis === undefined ? undefined : new RedisLink({ url: redis, clock, random })
  const upkeep: UpkeepOptions = {
    rollups: () => structures.rollup.status(),
    views: async () => (await structures.views.status()).filter(({ kind }) => kind === 'materialized'),
    partitions: async () => partitionHealth(await structures.partitions.status(), clock.now()),
    jobs: () => jobHealth(jobs),
  }
  const tiers: TierSources = {
    tiers: async () => tierHealth(await structures.tiers.status()),
    archives: async () => archiveHealth(await readArchives(ownTables)),
  }
  const others: readonly OtherNode[] = [
    { name: 'app', on: ownTables, probes: () => [createCallsProbe(), createApplicationsProbe()] },
    {
      name: 'pgstrata',
      on: ownTables,
      probes: () => [
        ...createUpkeepProbes(upkeep),
        ...(config.tiered.length === 0 && config.archive === undefined ? [] : [createTiersProbe(tiers)]),
        ...(backup === undefined ? [] : [createBackupProbe(() => backupHealth(backup))]),
      ],
    },
    ...(bouncer === undefined
      ? []
      : [{ name: 'pgbouncer', on: bouncer, probes: () => [createPgBouncerProbe(bouncer)] }]),
    ...(link === undefined ? [] : [{ name: 'redis', on: ownTables, probes: () => [createRedisProbe(link)] }]),
  ]
  const reads = boundedReads({ db: reading, connections: readConnections, limitMs: readLimitMs, clock })
  const watching = createWatching({ db: store, reads, settings, nodes, probes, others, clock, random, logger })
  return Object.assign(watching, {
    close: async () => {
      await watching.stop()
      const opened = [store, reading, asking, ...(bouncer === undefined ? [] : [bouncer])]
      await Promise.all([...opened.map((db) => db.close({ now: true })), link?.close()])
    },
  })
}
