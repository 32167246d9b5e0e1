// Conversions of live tables as one object: what a program, and `pgstrata convert`, can ask. What happens in which state is in
// states.ts and steps.ts; why no row is lost, in ../../changes/capture/consume.ts.
//
// Invariant: one process at a time works on the conversion of a table, held apart by an advisory lock named by the table's oid,
// on the session that works. Everything it did is in pgstrata.conversion: any process can go on where it was killed.

import { isDeepStrictEqual } from 'node:util'
import { systemClock } from '../../base/clock.ts'
import { isStrataError, StrataError } from '../../base/errors.ts'
import { systemRandom } from '../../base/random.ts'
import { ensureInstalled } from '../../catalog/install.ts'
import type { Db, Session } from '../../db/db.ts'
import { buildLadder, setPace } from '../../plan/index.ts'
import { quoteQualified } from '../../sql/quote.ts'
import type { Consent, PartitionedTable } from '../options.ts'
import type { ConversionNames } from './bound/item.ts'
import { firstPages } from './copy.ts'
import { dropOld } from './drop-old.ts'
import { chooseNames } from './names.ts'
import { conversionParts, type ConversionParts } from './parts.ts'
import { previewConversion, type ConversionPreview } from './preview.ts'
import { readTableOid } from './read-table.ts'
import {
  advance,
  askFor,
  findConversion,
  insertConversion,
  readConversion,
  type ConversionRecord,
  type DeclaredConversion,
} from './record.ts'
import type { ConversionEvent, ConversionRun, Limits } from './run-context.ts'
import { requireCarried, scriptsOf } from './scripts.ts'
import { follow, isFinal, type LiveMethod } from './states.ts'
import { runToTheEnd, type Ending } from './steps.ts'
import { firstNotes } from './sync.ts'
import { underLock, type ConversionTools, type Work } from './work.ts'

export interface ConvertOptions {
  /** Copy into partitions, where relabelling would do. A layout by hash is always copied into. */
  readonly full?: boolean | undefined
  /** Relabelling: where the old table ends, at the earliest; a wall clock of the layout's zone, or an id. */
  readonly until?: string | undefined
  /** Besides what is declared. */
  readonly accept?: readonly Consent[] | undefined
}

export interface RunOptions {
  readonly limits?: Partial<Limits> | undefined
  readonly signal?: AbortSignal | undefined
  /** Awaited. */
  readonly onEvent?: ((event: ConversionEvent) => void | Promise<void>) | undefined
}

export interface ConversionOutcome {
  readonly ending: Ending
  readonly record: ConversionRecord
}

export interface Conversion {
  /** What would be done. Nothing is changed. */
  preview(table: PartitionedTable, options?: ConvertOptions): Promise<ConversionPreview>
  /** Begins, or goes on where an earlier run ended. */
  convert(table: PartitionedTable, options?: ConvertOptions & RunOptions): Promise<ConversionOutcome>
  /** Goes on; refused where nothing is under way. */
  resume(table: TableName, options?: RunOptions): Promise<ConversionOutcome>
  /** Asks whoever works on it to stop after its batch. */
  pause(table: TableName): Promise<ConversionRecord>
  /** Back to the plain table, as long as it was not swapped; waits for a runner to stop. */
  abort(table: TableName, options?: RunOptions): Promise<ConversionOutcome>
  /** The one under way, else the newest. */
  status(table: TableName): Promise<ConversionRecord | undefined>
  /** Drops what the copied table left. */
  dropOld(table: TableName, options?: Pick<RunOptions, 'signal'>): Promise<ConversionNames>
}

type TableName = Pick<PartitionedTable, 'schema' | 'table'>

const defaultLimits: Limits = {
  rowsPerSecond: undefined,
  maxLagMs: 10_000,
  maxLagBytes: 64 * 1_024 ** 2,
  maxActive: undefined,
}

/** Tries for each lock before a conversion gives up: under six minutes with the pauses in between. */
const lockTries = 50
/** How long an abort waits for a runner to end its batch. */
const abortWaitMs = 60_000

export function createConversion(tools: ConversionTools): Conversion {
  const { db } = tools
  return {
    preview: (table, options = {}) =>
      db.withSession(
        async (session) => await previewConversion(session, await questionOf(session, tools, table, options)),
      ),
    convert: async (table, options = {}) => {
      const open = await findConversion(db, table)
      const oid = open === undefined || isFinal(open.state) ? await readTableOid(db, table) : open.facts.oid
      return await underLock(tools, { oid, ...options }, async (work) => {
        await ensureInstalled(work.session)
        const id = await openConversion(work.session, tools, table, options)
        return await run(tools, work, id, options)
      })
    },
    resume: async (table, options = {}) => {
      const open = await requireOpen(db, table)
      return await underLock(tools, { oid: open.facts.oid, ...options }, (work) => run(tools, work, open.id, options))
    },
    pause: async (table) => {
      const open = await requireOpen(db, table)
      await askFor(db, open.id, 'pause')
      return await readConversion(db, open.id)
    },
    abort: async (table, options = {}) => {
      const open = await requireOpen(db, table)
      requireAbortable(open)
      await askFor(db, open.id, 'abort')
      const lock = { oid: open.facts.oid, waitMs: abortWaitMs, ...options }
      return await underLock(tools, lock, async (work) => {
        const record = await readConversion(work.session, open.id)
        requireAbortable(record)
        if (record.state !== 'aborting') await advance(work.session, record, 'abort')
        return await run(tools, work, open.id, options)
      }).catch((error: unknown) => {
        throw isStrataError(error, 'CONVERT_BUSY') ? stillAtWork(error) : error
      })
    },
    status: (table) => findConversion(db, table),
    dropOld: (table, options = {}) => dropOld(tools, table, options),
  }
}

/** Building an index, comparing: such a step can take hours, and is not cut short. */
function stillAtWork(error: StrataError): StrataError {
  return new StrataError('CONVERT_BUSY', {
    message: error.message,
    advice: 'It was asked to stop, and does so behind its step: run `pgstrata convert <table> --abort` again then.',
    cause: error,
  })
}

async function questionOf(
  session: Session,
  tools: ConversionTools,
  table: PartitionedTable,
  options: ConvertOptions,
): Promise<{ declared: DeclaredConversion; method: LiveMethod; names: ConversionNames; parts: ConversionParts }> {
  const method = options.full === true || table.layout.kind === 'hash' ? 'copy' : 'relabel'
  const accept = [...new Set([...table.accept, ...(options.accept ?? [])])]
  const declared: DeclaredConversion = {
    ...table,
    accept,
    ...(options.until === undefined ? {} : { until: options.until }),
  }
  return { declared, method, names: await chooseNames(session, table, method), parts: tools.parts ?? conversionParts }
}

/** The one under way, or a new one: nothing begins with a refusal. */
async function openConversion(
  session: Session,
  tools: ConversionTools,
  table: PartitionedTable,
  options: ConvertOptions,
): Promise<string> {
  const open = await findConversion(session, table)
  if (open !== undefined && !isFinal(open.state)) {
    requireSameWay(open, table, options)
    return open.id
  }
  const question = await questionOf(session, tools, table, options)
  const preview = await previewConversion(session, question)
  requireCarried(preview.items, question.names)
  return await insertConversion(session, { ...question, facts: preview.facts, scripts: scriptsOf(preview.items) })
}

/** What was begun is gone on with as it was declared then: another declaration is no resuming. */
function requireSameWay(
  open: ConversionRecord,
  { layout, schema, table }: PartitionedTable,
  options: ConvertOptions,
): void {
  const isOther = !isDeepStrictEqual(plainOf(layout), plainOf(open.declared.layout))
  if (!isOther && (options.full !== true || open.method === 'copy')) return
  const name = quoteQualified(schema, table)
  throw new StrataError('CONVERT_STATE', {
    message: isOther ? `${name} is being converted to another layout already` : `${name} is being relabelled already`,
    advice: 'Run `pgstrata convert <table> --abort` first, or `--resume` to go on with that.',
  })
}

/** As jsonb gives it back. */
function plainOf(value: object): unknown {
  return JSON.parse(JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? String(part) : part)))
}

async function run(tools: ConversionTools, work: Work, id: string, options: RunOptions): Promise<ConversionOutcome> {
  const { clock = systemClock, random = systemRandom } = tools
  await askFor(work.session, id, 'run')
  const limits = { ...defaultLimits, ...options.limits }
  const record = await readConversion(work.session, id)
  const running: ConversionRun = {
    db: tools.db,
    ...work,
    ladder: buildLadder({ ...tools.ladder, tries: Math.max(lockTries, tools.ladder.tries) }),
    clock,
    random,
    signal: options.signal,
    parts: tools.parts ?? conversionParts,
    limits,
    pace: setPace({ rowsPerSecond: limits.rowsPerSecond, clock, signal: options.signal }),
    size: { pages: firstPages, notes: firstNotes, noteMs: 0 },
    log: { place: undefined },
    begun: { atMs: clock.monotonic(), position: record.position },
    behind: { times: 0 },
    emit: async (event) => await options.onEvent?.(event),
    record,
  }
  const ending = await runToTheEnd(running)
  return { ending, record: running.record }
}

async function requireOpen(db: Db, table: TableName): Promise<ConversionRecord> {
  const found = await findConversion(db, table)
  if (found !== undefined && !isFinal(found.state)) return found
  throw new StrataError('CONVERT_STATE', {
    message: `No conversion of ${quoteQualified(table.schema, table.table)} is under way`,
    ...(found === undefined ? {} : { got: `the last one is "${found.state}"` }),
  })
}

function requireAbortable(record: ConversionRecord): void {
  if (follow(record.method, record.state, 'abort') !== null) return
  throw new StrataError('CONVERT_STATE', {
    message: `It is too late to go back: ${quoteQualified(record.names.schema, record.names.table)} is the partitioned table already`,
    advice:
      record.method === 'copy'
        ? `The old table, as it was at the swap, is ${quoteQualified(record.names.schema, record.names.retired)} until --drop-old.`
        : 'Run `pgstrata convert <table> --resume` to finish what is left to do.',
  })
}
