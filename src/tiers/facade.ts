// Tiers as one object: their part of the plan, the job that moves partitions, moves by hand, and what there is to see. Holds no
// state; everything is read anew.

import type { Clock } from '../base/clock.ts'
import { StrataError } from '../base/errors.ts'
import type { Probe } from '../base/probe.ts'
import type { Random } from '../base/random.ts'
import type { Db, Session } from '../db/db.ts'
import type { Job } from '../db/job.ts'
import type { LadderOptions } from '../plan/index.ts'
import type { ArchiveSettings } from './archive-settings.ts'
import { openArchiving } from './archiving.ts'
import { contributeTiers, type TiersContribution } from './history/contribute.ts'
import type { TieredTable } from './model/options.ts'
import { askFor, readTierPartitions, type TierPartition } from './model/record.ts'
import type { Move, State } from './model/states.ts'
import { findTierTable, setPaused, type TierTable } from './model/tables.ts'
import { throttleOf, tiersJob } from './move/job.ts'
import { abortPartition, movePartition } from './move/movers.ts'
import type { MoveTools } from './move/run.ts'
import { readPackReports, type PackReport } from './pack-report.ts'
import type { ColdTools } from './read/cold.ts'
import { createReader, type TierReader } from './read/reader.ts'
import { tierProbes } from './probes.ts'
import { findTiered, readTierStatus, type TableTierStatus } from './status.ts'

export interface TiersOptions {
  readonly db: Db
  readonly tables: readonly TieredTable[]
  readonly archive: ArchiveSettings | undefined
  readonly ladder: LadderOptions
  readonly clock: Clock
  readonly random: Random
}

interface WorkOptions {
  readonly signal?: AbortSignal | undefined
}

export interface MovedPartition {
  readonly schema: string
  readonly name: string
  /** Where it is now: at rest, or `archived` with its grace before it. */
  readonly state: State
  /** As they were counted while it was moved; null: they were not. */
  readonly rows: number | null
  /** Before its first move, and behind this one. */
  readonly hotBytes: number | null
  readonly sizeBytes: number | null
}

export interface Tiers {
  /** What is declared. */
  readonly tables: readonly TieredTable[]
  /** The steps that make readers of the history as declared, and what is held back, with the reason. */
  contribute(session: Session): Promise<TiersContribution>
  readonly jobs: readonly Job[]
  readonly probes: readonly Probe[]
  /** Of a table, or of all of them: each partition with what it takes, and what happens to it next. */
  status(key?: string): Promise<readonly TableTierStatus[]>
  /** What packs are made of: of one partition, or of all that are packed. */
  segments(key: string, partition?: string): Promise<readonly PackReport[]>
  /** Rows of a table and what they come to, wherever they are kept. */
  reader(key: string): TierReader
  /** Moves a partition now, to the end. One whose move is under way already goes on. */
  move(
    key: string,
    partition: string,
    move: Move,
    options?: WorkOptions & { readonly onProgress?: (share: number) => void },
  ): Promise<MovedPartition>
  /** Has the job do it with its next run. */
  request(key: string, partition: string, move: Move): Promise<void>
  /** Takes a move back: the partition is where it was before. */
  abort(key: string, partition: string, options?: WorkOptions): Promise<MovedPartition>
  /** Nothing of the table is moved any more but what a person asks for. */
  pause(key: string): Promise<void>
  resume(key: string): Promise<void>
}

export function createTiers({ db, tables, archive, ladder, clock, random }: TiersOptions): Tiers {
  const withTools = async <T>({ signal }: WorkOptions, work: (tools: MoveTools) => Promise<T>): Promise<T> => {
    const archiving = openArchiving(archive)
    try {
      const throttle = await throttleOf({ db, clock, random, signal })
      return await work({ db, ladder, clock, random, signal, throttle, archivingOf: archiving.of })
    } finally {
      archiving.close()
    }
  }
  const setPausedOf = async (key: string, paused: boolean): Promise<void> => {
    const { id } = await requireApplied(db, findTiered(tables, key))
    await setPaused(db, id, paused)
  }
  return {
    tables,
    contribute: (session) => contributeTiers(session, { tables }),
    jobs: tables.length === 0 ? [] : [ownJob({ tables, archive, ladder })],
    probes: tierProbes({ db, tables, archive }),
    status: (key) => readTierStatus(db, tables, key),
    segments: (key, partition) => readPackReports(db, findTiered(tables, key), partition),
    reader: (key) => createReader({ db, table: findTiered(tables, key), openCold: () => openCold(archive, clock) }),
    move: (key, partition, move, { signal, onProgress } = {}) =>
      withTools({ signal }, async (tools) => {
        const table = findTiered(tables, key)
        return describe(await movePartition({ ...tools, onProgress }, { table, partition, move }))
      }),
    request: async (key, partition, move) => {
      const table = await requireApplied(db, findTiered(tables, key))
      const record = await requirePartition(db, table, partition)
      if (await askFor(db, record.id, { move, by: 'person' })) return
      throw new StrataError('TIER_STATE', {
        message: `Partition ${partition} is moved already`,
        got: `state "${record.state}"`,
      })
    },
    abort: (key, partition, options = {}) =>
      withTools(options, async (tools) => {
        const table = findTiered(tables, key)
        return describe(await abortPartition(tools, { table, partition }))
      }),
    pause: (key) => setPausedOf(key, true),
    resume: (key) => setPausedOf(key, false),
  }
}

function openCold(archive: ArchiveSettings | undefined, clock: Clock): ColdTools {
  const { at, duck, close } = openArchiving(archive)
  const { workDir = '', cache = { dir: '', sizeBytes: 0 } } = archive ?? {}
  return { storeAt: at, duck, workDir, cache, clock, close }
}

/** Stores are opened for a run, and closed behind it. */
function ownJob({ tables, archive, ladder }: Pick<TiersOptions, 'tables' | 'archive' | 'ladder'>): Job {
  const closed = openArchiving(undefined)
  return {
    ...tiersJob({ tables, ladder, archivingOf: closed.of }),
    run: async (context) => {
      const archiving = openArchiving(archive)
      try {
        return await tiersJob({ tables, ladder, archivingOf: archiving.of }).run(context)
      } finally {
        archiving.close()
      }
    },
  }
}

async function requireApplied(db: Db, { partitioned }: TieredTable): Promise<TierTable> {
  const known = await findTierTable(db, partitioned)
  if (known !== undefined) return known
  throw new StrataError('TIER_STATE', {
    message: `Tiers of table ${partitioned.schema}.${partitioned.table} are declared and not applied`,
    advice: 'Run `pgstrata apply`.',
  })
}

async function requirePartition(db: Db, { id }: TierTable, partition: string): Promise<TierPartition> {
  const known = await readTierPartitions(db, id)
  const found = known.find(({ name }) => name === partition)
  if (found !== undefined) return found
  throw new StrataError('TIER_STATE', {
    message: `No partition ${JSON.stringify(partition)} is known`,
    advice:
      'See their names with `pgstrata tier status`. One that is new is known after the next run of the job `tiers`.',
  })
}

export function describe({ schema, name, state, content, heapBytes, tierBytes }: TierPartition): MovedPartition {
  const rows = content === null ? null : Number(content.rows)
  return { schema, name, state, rows, hotBytes: heapBytes, sizeBytes: tierBytes }
}
