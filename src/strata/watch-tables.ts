// How the tables of what is measured are laid out and rolled up: as any table of a user is, by the same features.
// By day, without an index but one of a few pages: rows come in the order of time, and are read by time. What a day comes to is kept by
// hour and outlives it.

import type { PartitionedTable } from '../partitions/index.ts'
import type { Measure, Rollup } from '../rollups/index.ts'
import type { WatchSettings } from '../watch/index.ts'

const schema = 'pgstrata'
/** Calls are told every ten seconds by each process, bin by bin: after a day their hours are enough. */
const dayMs = 86_400_000
/** Tables of this version of the schema and later; before it there is nothing to lay out. */
export const watchTablesSince = 8

const tables = ['watch_metric', 'watch_statement', 'watch_session', 'watch_call'] as const
type Table = (typeof tables)[number]

export function watchTables(settings: WatchSettings | undefined): readonly PartitionedTable[] {
  if (settings === undefined) return []
  return tables.map((table) => ({
    key: `${schema}.${table}`,
    schema,
    table,
    layout: { kind: 'time', column: 'at', grain: 'day', zone: 'UTC', split: undefined },
    ahead: 3,
    from: undefined,
    names: '{table}_{period}',
    outside: 'refuse',
    // What was measured is in the rollup by then; nobody misses it, so nothing is waited for.
    retain: {
      keep: { age: table === 'watch_call' && settings.rawMs > dayMs ? '1 day' : settings.raw },
      grace: '1 hour',
      finally: 'drop',
      archive: undefined,
    },
    indexes: [],
    brin: true,
    storage: {},
    statistics: {},
    accept: [],
  }))
}

interface Hourly {
  readonly by: readonly string[]
  readonly measures: readonly Measure[]
}

const sum = (name: string, floats = false): Measure => ({ name, kind: 'sum', of: name, filter: undefined, floats })
const sums = (names: readonly string[]): readonly Measure[] => names.map((name) => sum(name))
const value = (name: string, kind: 'sum' | 'min' | 'max'): Measure => ({
  name,
  kind,
  of: 'value',
  filter: undefined,
  floats: kind === 'sum',
})

const hourly: Readonly<Record<Table, Hourly>> = {
  watch_metric: {
    by: ['node', 'metric', 'labels'],
    measures: [
      { name: 'n', kind: 'count', of: undefined, filter: undefined, floats: false },
      value('sum', 'sum'),
      value('least', 'min'),
      value('most', 'max'),
    ],
  },
  watch_statement: {
    by: ['node', 'queryid'],
    measures: [
      ...sums(['calls', 'rows', 'blocks_hit', 'blocks_read', 'temp_blocks', 'wal_bytes']),
      sum('exec_ms', true),
      sum('plan_ms', true),
      sum('io_ms', true),
    ],
  },
  watch_session: { by: ['node', 'wait_type', 'wait', 'queryid'], measures: sums(['samples']) },
  watch_call: { by: ['node', 'shape', 'bin'], measures: [...sums(['calls', 'errors']), sum('seconds', true)] },
}

export function watchRollups(settings: WatchSettings | undefined): readonly Rollup[] {
  if (settings === undefined) return []
  return tables.map((table) => ({
    name: `${table}_hourly`,
    schema,
    table,
    bucket: { column: 'at', span: { unit: 'hour', count: 1 }, zone: 'UTC' },
    where: undefined,
    rowSecurity: 'refuse',
    ...hourly[table],
    totals: undefined,
    levels: undefined,
    retention: { keep: settings.hours },
    subscriber: undefined,
  }))
}
