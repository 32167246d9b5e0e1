// What the server answers of what is measured.

import {
  flag,
  list,
  nullable,
  number,
  numbers,
  object,
  oneOf,
  optional,
  record,
  text,
  time,
  whole,
  type ObjectShape,
  type Shape,
} from '../shape.ts'
import { callSummaryShape, type CallSummary } from './calls.ts'
import { poolNodeShape, topStatementShape, type PoolNode, type TopStatement } from './database.ts'
import { healthShape, type Health } from './health.ts'

export interface Overview {
  readonly version: string
  readonly health: Health
  readonly calls: CallSummary
  readonly pool: readonly PoolNode[]
  /** 'measuring': this process does; 'waiting': another one may; 'off': `watch` is not declared, or not started here. */
  readonly watching: 'measuring' | 'waiting' | 'off'
  /** Active sessions of the last minute by what they waited for, of all nodes. */
  readonly load: Readonly<Record<string, number>>
  readonly alerts: { readonly critical: number; readonly warning: number; readonly info: number }
  readonly probes: readonly ProbeReport[]
  /** What could not be read, and why: what stands in its place says nothing. */
  readonly missing: readonly string[]
}

export interface ProbeReport {
  readonly node: string
  readonly probe: string
  readonly at: string | null
  readonly everyMs: number
  readonly tookMs: number | null
  /** Why it cannot be asked there, and what to do. */
  readonly unavailable: string | null
  readonly failed: boolean
}

export interface SeriesQuery {
  readonly metric: string
  readonly from?: string
  readonly to?: string
  /** Seconds that one point stands for. */
  readonly step?: number
  readonly node?: string
  /** Series at most, the greatest first. */
  readonly limit?: number
}

export interface SeriesAnswer {
  readonly metric: string
  readonly from: string
  readonly to: string
  readonly stepSeconds: number
  readonly series: readonly {
    readonly node: string
    readonly labels: Readonly<Record<string, string>>
    /** Time in milliseconds; of gauges the mean, of counters what was added per second; the least and the most of what was measured. */
    readonly points: readonly (readonly [atMs: number, value: number, least: number, most: number])[]
  }[]
}

export interface StatementsQuery {
  readonly from?: string
  readonly to?: string
  readonly node?: string
  readonly by?: 'time' | 'calls' | 'mean'
  readonly limit?: number
}

export interface StatementsAnswer {
  readonly from: string
  readonly to: string
  readonly statements: readonly TopStatement[]
}

export interface LoadQuery {
  readonly from?: string
  readonly to?: string
  readonly step?: number
  readonly node?: string
}

export interface LoadAnswer {
  readonly from: string
  readonly to: string
  readonly stepSeconds: number
  /** Active sessions, as a mean over each step, by what they waited for ('CPU': for nothing). */
  readonly waits: Readonly<Record<string, readonly (readonly [atMs: number, sessions: number])[]>>
  /** Over all of the time, what they waited for exactly, the most first. */
  readonly top: readonly { readonly waitType: string; readonly wait: string; readonly sessions: number }[]
}

export interface SessionsAnswer {
  readonly nodes: readonly {
    readonly node: string
    readonly states: Readonly<Record<string, number>>
    /** Those that wait for a lock and those in their way, each behind whom it waits for, `depth` steps from the root. */
    readonly blocking: readonly BlockingSession[]
  }[]
}

export interface BlockingSession {
  readonly depth: number
  readonly pid: number
  readonly by: readonly number[]
  readonly user: string | null
  readonly application: string
  readonly state: string | null
  readonly queryid: string | null
  readonly waitedSeconds: number | null
  readonly openSeconds: number | null
}

export interface TableAnswer {
  readonly node: string
  readonly schema: string
  readonly table: string
  /** By metric, without the prefix 'pgstrata_table_'. */
  readonly measures: Readonly<Record<string, number>>
}

export interface TablesAnswer {
  readonly tables: readonly TableAnswer[]
}

export interface IndexAnswer {
  readonly node: string
  readonly schema: string
  readonly table: string
  readonly index: string
  readonly sizeBytes: number | null
  readonly scans: number | null
  readonly isUnused: boolean
}

export interface IndexesAnswer {
  readonly indexes: readonly IndexAnswer[]
}

export const overviewShape: Shape<Overview> = object<Overview>({
  version: text(),
  health: healthShape,
  calls: callSummaryShape,
  pool: list(poolNodeShape),
  watching: oneOf('measuring', 'waiting', 'off'),
  load: record(number()),
  alerts: object<Overview['alerts']>({ critical: whole(), warning: whole(), info: whole() }),
  probes: list(
    object<ProbeReport>({
      node: text(),
      probe: text(),
      at: nullable(time()),
      everyMs: number(),
      tookMs: nullable(number()),
      unavailable: nullable(text()),
      failed: flag(),
    }),
  ),
  missing: list(text()),
})

const name = text({ least: 1, most: 200 })
const step = whole({ least: 1, most: 86_400 })

export const seriesQueryShape: ObjectShape<SeriesQuery> = object<SeriesQuery>({
  metric: name,
  from: optional(time()),
  to: optional(time()),
  step: optional(step),
  node: optional(name),
  limit: optional(whole({ least: 1, most: 100 })),
})

export const seriesShape: Shape<SeriesAnswer> = object<SeriesAnswer>({
  metric: text(),
  from: time(),
  to: time(),
  stepSeconds: number(),
  series: list(
    object<SeriesAnswer['series'][number]>({
      node: text(),
      labels: record(text()),
      points: list(numbers<readonly [number, number, number, number]>(4)),
    }),
  ),
})

export const statementsQueryShape: ObjectShape<StatementsQuery> = object<StatementsQuery>({
  from: optional(time()),
  to: optional(time()),
  node: optional(name),
  by: optional(oneOf('time', 'calls', 'mean')),
  limit: optional(whole({ least: 1, most: 200 })),
})

export const statementsShape: Shape<StatementsAnswer> = object<StatementsAnswer>({
  from: time(),
  to: time(),
  statements: list(topStatementShape),
})

export const loadQueryShape: ObjectShape<LoadQuery> = object<LoadQuery>({
  from: optional(time()),
  to: optional(time()),
  step: optional(step),
  node: optional(name),
})

export const loadShape: Shape<LoadAnswer> = object<LoadAnswer>({
  from: time(),
  to: time(),
  stepSeconds: number(),
  waits: record(list(numbers<readonly [number, number]>(2))),
  top: list(object<LoadAnswer['top'][number]>({ waitType: text(), wait: text(), sessions: number() })),
})

export const sessionsShape: Shape<SessionsAnswer> = object<SessionsAnswer>({
  nodes: list(
    object<SessionsAnswer['nodes'][number]>({
      node: text(),
      states: record(number()),
      blocking: list(
        object<BlockingSession>({
          depth: whole(),
          pid: whole(),
          by: list(whole()),
          user: nullable(text()),
          application: text(),
          state: nullable(text()),
          queryid: nullable(text()),
          waitedSeconds: nullable(number()),
          openSeconds: nullable(number()),
        }),
      ),
    }),
  ),
})

export const tablesShape: Shape<TablesAnswer> = object<TablesAnswer>({
  tables: list(object<TableAnswer>({ node: text(), schema: text(), table: text(), measures: record(number()) })),
})

export const indexesShape: Shape<IndexesAnswer> = object<IndexesAnswer>({
  indexes: list(
    object<IndexAnswer>({
      node: text(),
      schema: text(),
      table: text(),
      index: text(),
      sizeBytes: nullable(number()),
      scans: nullable(number()),
      isUnused: flag(),
    }),
  ),
})
