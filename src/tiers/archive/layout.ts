// Keys of the files of an archive: folders by the parts of its period, as Hive has them, which DuckDB, Spark, Trino and Athena
// read as columns.

import { randomBytes } from 'node:crypto'
import type { Layout } from '../../partitions/for-tiers.ts'

export interface Placing {
  readonly schema: string
  readonly table: string
  readonly layout: Layout
  /** Of the partition, as the catalog notes it. */
  readonly lower: string
  /** Of the archive alone, see `markOf`. */
  readonly mark: string
  /** Names of columns in the files: a folder of the same name would stand for the column. */
  readonly fields: readonly string[]
}

const parts = ['year', 'month', 'day', 'hour'] as const

/** How many parts of a moment say which period it is. */
const depth = { year: 1, quarter: 2, month: 2, week: 3, day: 3, hour: 4 } as const

function folderOf(placing: Placing): string {
  const { schema, table, layout, lower, fields } = placing
  const taken = new Set(fields.map((field) => field.toLowerCase()))
  const label = (name: string): string => (taken.has(name) ? `part_${name}` : name)
  const root = `${safe(schema)}.${safe(table)}`
  const moment = /^(\d{4,})-(\d\d)-(\d\d)(?:[ T](\d\d))?/.exec(lower)
  if (layout.kind === 'time' && moment !== null) {
    const values = parts
      .slice(0, depth[layout.grain])
      .map((name, index) => `${label(name)}=${moment[index + 1] ?? '00'}`)
    return [root, ...values].join('/')
  }
  return `${root}/${label('from')}=${safe(lower)}`
}

/** What the keys of its files begin with. Archives of two databases, or of one that was restored to an earlier moment, never share it. */
export function prefixOf(placing: Placing): string {
  return `${folderOf(placing)}/${placing.mark}`
}

export function markOf(archive: bigint): string {
  return `${archive}-${randomBytes(5).toString('hex')}`
}

export function fileKey(prefix: string, number: number): string {
  return `${prefix}-${String(number).padStart(4, '0')}.parquet`
}

/** Engines leave out files whose name begins with a line. */
export function manifestKey(prefix: string): string {
  const place = prefix.lastIndexOf('/') + 1
  return `${prefix.slice(0, place)}_manifest-${prefix.slice(place)}.json`
}

/** One part of a key, whatever the table is called. */
function safe(name: string): string {
  return encodeURIComponent(name).replaceAll('.', '%2E').replaceAll('*', '%2A')
}
