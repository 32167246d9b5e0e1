// One table as it is written → what partitions and cleanup work with, nothing left to a default. Pure; what comes in was
// checked.

import { parseDurationMs } from '../base/units.ts'
import type { Cleanup } from '../maintain/index.ts'
import type { Grain, HashSplit, Layout, PartitionedTable, Retention } from '../partitions/index.ts'
import { grainOf, idOf } from './table-checks.ts'
import { asTexts, resolveIndexes } from './table-indexes.ts'
import type { HashConfig, TableConfig } from './table-types.ts'

const aheadOf: Readonly<Record<Grain, number>> = { hour: 24, day: 7, week: 4, month: 3, quarter: 2, year: 1 }
const aheadOfIds = 2
const defaultBatchRows = 1_000
const defaultEveryMs = 5 * 60_000

export function placeOf(key: string, { table }: TableConfig): { readonly schema: string; readonly table: string } {
  if (table === undefined) return { schema: 'public', table: key }
  if (typeof table === 'string') return { schema: 'public', table }
  return { schema: table[0], table: table[1] }
}

export interface ResolvedTable {
  readonly table: PartitionedTable | undefined
  readonly cleanup: Cleanup | undefined
}

export function resolveTable(key: string, one: TableConfig): ResolvedTable {
  return {
    table: one.partition === undefined ? undefined : partitioned(key, one),
    cleanup: one.expire === undefined ? undefined : cleanup(key, one, one.expire),
  }
}

function cleanup(key: string, one: TableConfig, expire: NonNullable<TableConfig['expire']>): Cleanup {
  const said = typeof expire === 'string' ? { where: expire } : expire
  const { where, every, batch } = { every: undefined, batch: undefined, ...said }
  return {
    key,
    ...placeOf(key, one),
    where,
    everyMs: every === undefined ? defaultEveryMs : parseDurationMs(every),
    batchRows: batch ?? defaultBatchRows,
  }
}

function partitioned(key: string, one: TableConfig): PartitionedTable {
  const layout = layoutOf(one)
  const ahead = layout.kind === 'time' ? aheadOf[layout.grain] : layout.kind === 'id' ? aheadOfIds : 0
  return {
    key,
    ...placeOf(key, one),
    layout,
    ahead: one.ahead ?? ahead,
    from: one.from === undefined ? undefined : String(one.from).replace('T', ' '),
    names: one.names ?? '{table}_{period}',
    outside: one.outside ?? 'refuse',
    retain: one.retain === undefined ? undefined : retention(one.retain),
    indexes: resolveIndexes(one.indexes),
    brin: one.brin ?? false,
    storage: asTexts(one.storage ?? {}),
    statistics: one.statistics ?? {},
    accept: one.accept ?? [],
  }
}

function layoutOf(one: TableConfig): Layout {
  const { partition } = one
  const second: unknown = Array.isArray(partition) ? partition[1] : undefined
  const split = second === undefined ? undefined : splitOf(second as HashConfig)
  const grain = grainOf(one)
  if (grain !== undefined) {
    return { kind: 'time', column: one.time ?? '', grain: grain as Grain, zone: one.zone ?? 'UTC', split }
  }
  const id = idOf(one)
  if (id !== undefined) return { kind: 'id', column: id.id, step: BigInt(id.every), split }
  return { kind: 'hash', ...splitOf(partition as HashConfig) }
}

function splitOf({ hash, into }: HashConfig): HashSplit {
  return { column: hash, into }
}

function retention(written: NonNullable<TableConfig['retain']>): Retention {
  const said = typeof written === 'string' ? { for: written } : written
  const {
    for: age,
    count,
    grace,
    finally: end,
    archive,
  } = {
    count: undefined,
    grace: undefined,
    finally: undefined,
    archive: undefined,
    ...said,
  }
  return {
    keep: count === undefined ? { age: age ?? '' } : { count },
    grace: grace ?? '1 day',
    finally: end ?? 'drop',
    archive,
  }
}
