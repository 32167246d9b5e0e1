// What has become of a declared table: its partitions and what happens to each next, what was taken out, and what somebody
// should see to. Reads only, in one transaction a table; sizes and rows are those the server knows without counting, but for
// a default partition, which is counted up to 10,000. A table that cannot be read, or is locked for longer than a second, is
// told, and hides none of the others.

import { StrataError } from '../base/errors.ts'
import { plural } from '../base/units.ts'
import type { Db, Session } from '../db/db.ts'
import { transaction } from '../db/transaction.ts'
import { quoteQualified } from '../sql/quote.ts'
import { sqlstate, sqlstateOf } from '../sql/sqlstate.ts'
import { countRows, readDefault } from './drain-queries.ts'
import { describeTable, findObstacle } from './fit.ts'
import { readLayoutRows } from './layout-rows.ts'
import type { Layout, PartitionedTable, Retention } from './options.ts'
import { planTable, type TableReading } from './plan.ts'
import { readTableState } from './readings.ts'
import type { RetiredState } from './retire-queries.ts'
import {
  readNextPeriod,
  readPartitionRows,
  readRetiredRows,
  type PartitionRow,
  type RetiredRow,
} from './status-queries.ts'
import { endsTheRun, publicMessage } from './table-work.ts'
import type { PartitionTier, TableTiers } from './tier-states.ts'

export interface PartitionStatus {
  readonly schema: string
  readonly name: string
  /** As the server shows it: 'FOR VALUES FROM … TO …', 'DEFAULT'. */
  readonly bound: string
  /** The server's estimate; null where it was never analysed. */
  readonly rows: number | null
  /** Packed rows counted in. */
  readonly sizeBytes: number
  /** `moving`: on its way to another one. */
  readonly tier: PartitionTier
  readonly isDefault: boolean
  /** How many it is divided into; 0: it is not. */
  readonly parts: number
  /** What happens to it, and when: 'taken out'. Null: nothing. */
  readonly next: NextAction | null
}

export interface NextAction {
  readonly what: string
  /** Null: with the next run of its job. */
  readonly on: Date | null
}

export interface RetiredStatus {
  readonly schema: string
  readonly name: string
  readonly state: RetiredState
  readonly retiredAt: Date
  readonly next: NextAction | null
  readonly note: string | null
}

export interface PartitionFinding {
  readonly what: string
  readonly advice: string
}

export interface TableStatus {
  readonly key: string
  readonly schema: string
  readonly table: string
  /** `unknown`: it could not be read; a finding says why. */
  readonly state: 'missing' | 'plain' | 'converting' | 'partitioned' | 'unknown'
  /** 'by month of played_at (UTC), 6 ahead' */
  readonly layout: string
  /** 'keeps 2 years' */
  readonly retention: string | null
  readonly partitions: readonly PartitionStatus[]
  readonly retired: readonly RetiredStatus[]
  /** Periods that should have a partition, and have none. */
  readonly missing: readonly string[]
  /** The next one that is made ahead of time. */
  readonly next: NextAction | null
  /** Rows of the default partition, counted up to 10,000; null: there is none. */
  readonly defaultRows: number | null
  readonly findings: readonly PartitionFinding[]
}

const mostDefaultRows = 10_000
const mostLockMs = 1_000

/** Of one table, or of all that are declared. */
export async function readPartitionStatus(
  db: Db,
  tables: readonly PartitionedTable[],
  key?: string,
): Promise<readonly TableStatus[]> {
  const chosen = key === undefined ? tables : tables.filter((table) => isNamed(table, key))
  if (key !== undefined && chosen.length === 0) throw unknownTable(tables, key)
  return await db.withSession(async (session) => {
    const statuses: TableStatus[] = []
    for (const table of chosen) {
      const read = transaction(session, (tx) => readOne(tx, table), {
        isolation: 'repeatable read',
        readOnly: true,
        lockTimeoutMs: mostLockMs,
      })
      statuses.push(await read.catch((error: unknown) => unreadable(table, error)))
    }
    return statuses
  })
}

/** Where it is the server that says so, and not the connection that is gone. */
function unreadable(declared: PartitionedTable, error: unknown): TableStatus {
  if (sqlstateOf(error) === undefined || endsTheRun(error)) throw error
  const isLocked = sqlstateOf(error) === sqlstate.lockNotAvailable
  const finding = isLocked
    ? {
        what: `${describeTable(declared)} is locked by somebody: what has become of it cannot be seen now`,
        advice: 'ask again; where it stays, look for who holds the lock (pg_blocking_pids)',
      }
    : {
        what: `${describeTable(declared)} cannot be read: ${publicMessage(error)}`,
        advice: 'ask as a role that may read the table and its partitions, or mend what the server says',
      }
  return { ...describeDeclared(declared), ...nothingKnown, retired: [], state: 'unknown', findings: [finding] }
}

/** By its key, its name, or both parts of it. */
function isNamed({ key, schema, table }: PartitionedTable, name: string): boolean {
  return [key, table, `${schema}.${table}`].includes(name)
}

function unknownTable(tables: readonly PartitionedTable[], key: string): StrataError {
  return new StrataError('TABLE_UNKNOWN', {
    message: `No layout is declared for table ${JSON.stringify(key)}`,
    expected:
      tables.length === 0 ? 'a table under `tables`: none has a layout' : tables.map((table) => table.key).join(', '),
  })
}

const nothingKnown = { partitions: [], missing: [], next: null, defaultRows: null }

function describeDeclared(
  declared: PartitionedTable,
): Pick<TableStatus, 'key' | 'schema' | 'table' | 'layout' | 'retention'> {
  const { key, schema, table } = declared
  return { key, schema, table, layout: describeLayout(declared), retention: describeRetain(declared.retain) }
}

async function readOne(tx: Session, declared: PartitionedTable): Promise<TableStatus> {
  const rows = await readLayoutRows(tx)
  const reading = await readTableState(tx, declared, { readBound: undefined, rows })
  const { state } = reading
  const base = describeDeclared(declared)
  const retired = (await readRetiredRows(tx, declared)).map((row) => retiredStatus(row, declared.retain))
  const nothing = { ...nothingKnown, retired }
  const findings = findingsOf(reading)
  if (state === undefined) return { ...base, ...nothing, state: 'missing', findings }
  if (state.kind !== 'partitioned') {
    return { ...base, ...nothing, state: reading.isConverting ? 'converting' : 'plain', findings }
  }
  // Bounds of another layout are shown as they are, and not read as times or ids.
  const columnType =
    findObstacle(declared, state) === undefined
      ? state.columns.find(({ name }) => name === declared.layout.column)?.type
      : undefined
  const partitions = await readPartitionRows(tx, declared, { oid: state.oid, columnType })
  // Without retention nobody ends what it began.
  const detaching = new Set(retired.flatMap(({ state: at, name }) => (at === 'detaching' ? [name] : [])))
  const isOurs = ({ name }: PartitionRow): boolean => declared.retain !== undefined && detaching.has(name)
  const byDefault = await readDefault(tx, state.oid)
  const defaultRows = byDefault === undefined ? null : await countRows(tx, byDefault, mostDefaultRows)
  const next = await readNextPeriod(tx, declared)
  return {
    ...base,
    state: 'partitioned',
    partitions: partitions.map((row) => partitionStatus(row, isOurs, reading.tiers)),
    retired,
    missing: reading.missing.map(({ name }) => name),
    next: next === null ? null : { what: 'the next partition is made', on: next },
    defaultRows,
    findings: [...findings, ...findingsOfRows({ declared, partitions, defaultRows, retired, isOurs })],
  }
}

type IsOurs = (row: PartitionRow) => boolean

function partitionStatus(row: PartitionRow, isOurs: IsOurs, { partitions }: TableTiers): PartitionStatus {
  const { oid, schema, name, bound, rows, isDefault, parts } = row
  const { tier, packBytes } = partitions.get(oid) ?? { tier: 'hot', packBytes: 0 }
  const sizeBytes = row.sizeBytes + packBytes
  return { schema, name, bound, rows, sizeBytes, tier, isDefault, parts, next: nextOf(row, isOurs(row)) }
}

function nextOf({ pending, detachedOn }: PartitionRow, isOurs: boolean): NextAction | null {
  if (pending && !isOurs) return { what: 'half taken out, and not by retention: nobody ends it', on: null }
  if (pending) return { what: 'half taken out: the next run of retention ends it', on: null }
  return detachedOn === null ? null : { what: 'taken out', on: detachedOn }
}

function retiredStatus(row: RetiredRow, retain: Retention | undefined): RetiredStatus {
  const { schema, name, state, retiredAt, note } = row
  return { schema, name, state, retiredAt, note, next: nextOfRetired(row, retain) }
}

function nextOfRetired({ state, dropAfter, finishedAt }: RetiredRow, retain: Retention | undefined): NextAction | null {
  if (finishedAt !== null) return null
  if (retain === undefined) return { what: 'nothing: no retention is declared any more', on: null }
  const end = retain.finally === 'keep' ? 'kept as a table' : 'dropped'
  if (state === 'detaching') return { what: 'taken out', on: null }
  const archived = retain.archive !== undefined && state === 'detached' ? `archived, then ${end}` : end
  return { what: archived, on: dropAfter }
}

/** What planning found in the way, and what it would do. */
function findingsOf(reading: TableReading): readonly PartitionFinding[] {
  const { steps, held } = planTable(reading)
  const isPartitioned = reading.state?.kind === 'partitioned'
  const toApply =
    steps.length === 0
      ? []
      : [
          {
            what: isPartitioned
              ? `${plural(steps.length, 'step')} would make it as declared`
              : 'it is not partitioned yet, and it is empty',
            advice: 'run `pgstrata apply` (`pgstrata plan` shows what it does)',
          },
        ]
  return [...held.map(({ what, why, todo }) => ({ what: `${what}: ${why}`, advice: todo })), ...toApply]
}

interface Found {
  readonly declared: PartitionedTable
  readonly partitions: readonly PartitionRow[]
  readonly defaultRows: number | null
  readonly retired: readonly RetiredStatus[]
  readonly isOurs: IsOurs
}

function findingsOfRows({ declared, partitions, defaultRows, retired, isOurs }: Found): readonly PartitionFinding[] {
  const pending = partitions.filter((partition) => partition.pending)
  const name = partitions.find((partition) => partition.isDefault)?.name ?? ''
  const count =
    (defaultRows ?? 0) >= mostDefaultRows
      ? `${mostDefaultRows.toLocaleString('en-US')} rows or more`
      : plural(defaultRows ?? 0, 'row')
  const released = retired.filter(
    ({ state, note }) => state === 'released' && note?.includes('attached it again') === true,
  )
  return [
    ...(defaultRows === null || defaultRows === 0
      ? []
      : [
          {
            what: `${count} in the default partition ${name}: they slow down every new partition, and no retention reaches them`,
            advice: 'run `pgstrata jobs run drain`, and read its warnings for those that stay',
          },
        ]),
    ...pending.map((partition) => ({
      what: `${partition.name} is half taken out: its rows are out of the table already`,
      advice: `end the long transaction that holds it up; then run ${
        isOurs(partition)
          ? '`pgstrata jobs run retention`'
          : `\`alter table ${quoteQualified(declared.schema, declared.table)} detach partition ${quoteQualified(partition.schema, partition.name)} finalize\``
      }`,
    })),
    ...released.map(({ name: partition }) => ({
      what: `${describeTable(declared)}: ${partition} was attached again, and retention leaves it alone from now on`,
      advice: 'detach and drop it by hand when it is done with',
    })),
  ]
}

function describeLayout({ layout, ahead }: PartitionedTable): string {
  switch (layout.kind) {
    case 'time':
      return `by ${layout.grain} of ${layout.column} (${layout.zone})${describeSplit(layout)}, ${ahead} ahead`
    case 'id':
      return `by ${layout.step.toLocaleString('en-US')} of ${layout.column}${describeSplit(layout)}, ${ahead} ahead`
    case 'hash':
      return `by hash of ${layout.column}, ${layout.into} partitions`
  }
}

function describeSplit({ split }: Exclude<Layout, { kind: 'hash' }>): string {
  return split === undefined ? '' : `, each by hash of ${split.column} into ${split.into}`
}

function describeRetain(retain: Retention | undefined): string | null {
  if (retain === undefined) return null
  const { keep, grace, archive } = retain
  const kept = 'age' in keep ? `keeps ${keep.age}` : `keeps the newest ${keep.count}`
  const end = `${archive === undefined ? '' : 'archived, '}${retain.finally === 'drop' ? 'dropped' : 'kept as a table'}`
  return `${kept}; then ${end} after ${grace}`
}
