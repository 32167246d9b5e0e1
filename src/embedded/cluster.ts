// startCluster: a primary and its replicas, as one thing with a start and a stop.
// Promises: whatever fails or is interrupted in the start, nothing is left running and nothing temporary is left lying;
// stop() leaves no process. Two live processes never share a folder; what dead ones left is cleaned first.
// State: the list of replicas, and whether it was stopped.

import { systemClock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import { silentLogger, type Logger } from '../base/logger.ts'
import { systemRandom } from '../base/random.ts'
import { findBinaries } from './binaries.ts'
import type { Context } from './context.ts'
import { prepareData } from './data.ts'
import { createDatabase, dropDatabase, ensureDatabase, type CreateDatabaseOptions } from './databases.ts'
import { findRunUser } from './host.ts'
import { removeTemporary, sweepTemporary } from './leftovers.ts'
import { placeKept, placeTemporary, temporaryRoot } from './location.ts'
import type { EmbeddedNode } from './node.ts'
import { releaseOwnership, takeOwnership } from './owner.ts'
import type { Major } from './packages.ts'
import type { EmbeddedReplica } from './replica.ts'
import { createServers, maxReplicas, type Servers } from './servers.ts'
import { planSettings } from './settings.ts'

export interface ClusterOptions {
  /** Default 18; with `binDir`, whatever that is. */
  readonly version?: Major
  /** 0 (the default) to 8. */
  readonly replicas?: number
  /** Kept from run to run. Without it the data is temporary and goes with stop(). */
  readonly dataDir?: string
  /** Begin with empty data: what is in `dataDir` is thrown away. */
  readonly reset?: boolean
  /** The primary's; if it is taken, the next free one. Without it, any free one. */
  readonly port?: number
  /** PostgreSQL settings of all nodes. */
  readonly settings?: Readonly<Record<string, string>>
  /** shared_preload_libraries. */
  readonly preload?: readonly string[]
  /** Made if it is missing; URLs lead to it. Default 'postgres'. */
  readonly database?: string
  /** Whether commits survive a crash of the machine. Default: with `dataDir` yes, without no. */
  readonly durable?: boolean
  /**
   * Temporary data in memory, where there are 2 GB to spare; for small data. A fresh database is 300 files, made in 10 ms
   * there, and in 200 ms on an ext4 where clusters were removed minutes ago (it searches past inodes freed of late).
   */
  readonly inMemory?: boolean
  /** The folder with `postgres` and `initdb`, if not one of those looked through. */
  readonly binDir?: string
  /** The folder whose npm packages are looked at first. */
  readonly from?: string
  readonly logger?: Logger
  /** Interrupts the start. A cluster that has started is ended by stop(). */
  readonly signal?: AbortSignal
}

export interface EmbeddedCluster {
  /** '18.4' */
  readonly version: string
  readonly primary: EmbeddedNode
  readonly replicas: readonly EmbeddedReplica[]
  /** Where the data is: not always the folder asked for. */
  readonly dataDir: string
  /** The data was there before. */
  readonly reused: boolean
  addReplica(): Promise<EmbeddedReplica>
  /** Returns its URL. */
  createDatabase(name: string, options?: CreateDatabaseOptions): Promise<string>
  /** Ends the sessions in it, too. No error if there is none. */
  dropDatabase(name: string): Promise<void>
  /** Idempotent. Removes temporary data. */
  stop(): Promise<void>
}

export async function startCluster(options: ClusterOptions = {}): Promise<EmbeddedCluster> {
  checkOptions(options)
  const context = await openContext(options)
  const servers = createServers(context)
  let stopping: Promise<void> | undefined
  const stop = (): Promise<void> => (stopping ??= stopAll(context, servers))
  try {
    const [reused] = await Promise.all([prepareData(context, options.signal), sweepTemporary(context)])
    const { node, db } = await servers.startPrimary(options.port, options.signal)
    await ensureDatabase(db(), context.database)
    await servers.startReplicas(options.replicas ?? 0, options.signal)
    return {
      version: context.binaries.version,
      primary: node,
      replicas: servers.replicas,
      dataDir: context.root,
      reused,
      addReplica: () => servers.addReplica(),
      createDatabase: async (name, how) => {
        await createDatabase(db(), name, how)
        return node.url(name)
      },
      dropDatabase: (name) => dropDatabase(db(), name),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function stopAll(context: Context, servers: Servers): Promise<void> {
  await servers.stop()
  if (context.kept) await releaseOwnership(context.root)
  else await removeTemporary(context.root, context)
}

function checkOptions(options: ClusterOptions): void {
  const { replicas = 0, port } = options
  if (!Number.isInteger(replicas) || replicas < 0 || replicas > maxReplicas) {
    throw new StrataError('VALUE_INVALID', {
      message: 'replicas',
      expected: `0 to ${maxReplicas}`,
      got: String(replicas),
    })
  }
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port <= 65_535)) {
    throw new StrataError('VALUE_INVALID', { message: 'port', expected: '1 to 65535', got: String(port) })
  }
}

async function openContext(options: ClusterOptions): Promise<Context> {
  const { dataDir, settings = {}, preload = [], logger = silentLogger } = options
  const kept = dataDir !== undefined
  const durable = options.durable ?? kept
  const shared = planSettings({ settings, preload, durable, kept })
  const user = await findRunUser()
  const binaries = await findBinaries(options, user)
  const place = kept
    ? await placeKept(dataDir, user)
    : await placeTemporary(await temporaryRoot(user, options.inMemory ?? false), user)
  if (kept) await takeKept(place.root)
  return {
    binaries,
    user,
    root: place.root,
    forsaken: place.forsaken,
    reset: options.reset ?? false,
    kept,
    durable,
    shared,
    database: options.database ?? 'postgres',
    clock: systemClock,
    random: systemRandom,
    logger,
  }
}

async function takeKept(root: string): Promise<void> {
  const ownership = await takeOwnership(root)
  if (ownership.taken) return
  throw new StrataError('EMBEDDED_FAILED', {
    message: `The cluster of ${root} is being run by process ${ownership.by.pid}`,
    advice: 'Use that one, end it, or give another folder as dataDir.',
    details: { dataDir: root, pid: ownership.by.pid },
  })
}
