// What the server answers of what is kept in the database, and of the work that keeps it.

import {
  anything,
  flag,
  list,
  nullable,
  number,
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
import { nodeStateShape, type NodeState } from './database.ts'
import { findingTexts, type FindingText } from './views.ts'

export interface JobAnswer {
  readonly name: string
  readonly purpose: string
  readonly schedule: string
  readonly state: 'waiting' | 'running' | 'lost' | 'paused'
  readonly next: string | null
  readonly last: JobRunAnswer | null
}

export interface JobRunAnswer {
  readonly job: string
  readonly tick: string
  readonly attempt: number
  readonly manual: boolean
  readonly state: string
  readonly started: string
  readonly finished: string | null
  readonly did: string
  readonly failure: string | null
}

export interface JobsAnswer {
  readonly jobs: readonly JobAnswer[]
}

export interface JobHistoryAnswer {
  readonly runs: readonly JobRunAnswer[]
}

export interface JobRan {
  readonly job: string
  readonly state: 'done' | 'failed' | 'lost'
  readonly did: string
  readonly warnings: readonly string[]
  readonly failure: string | null
  readonly durationMs: number
}

export interface RollupAnswer {
  readonly name: string
  readonly source: { readonly schema: string; readonly table: string }
  readonly state: string
  readonly rowsEstimate: number | null
  readonly sizeBytes: number | null
  readonly pending: number | null
  readonly mergedAt: string | null
  readonly lagMs: number | null
  readonly failures: number
  readonly findings: readonly FindingText[]
}

export interface RollupsAnswer {
  readonly rollups: readonly RollupAnswer[]
}

export interface PartitionedAnswer {
  readonly key: string
  readonly schema: string
  readonly table: string
  readonly state: string
  readonly layout: string
  readonly retention: string | null
  readonly partitions: readonly {
    readonly schema: string
    readonly name: string
    readonly bound: string
    readonly rows: number | null
    readonly sizeBytes: number
    readonly tier: string
    readonly isDefault: boolean
  }[]
  readonly missing: readonly string[]
  readonly defaultRows: number | null
  readonly findings: readonly FindingText[]
}

export interface PartitionsAnswer {
  readonly tables: readonly PartitionedAnswer[]
}

export interface NodesAnswer {
  readonly nodes: readonly NodeState[]
}

export interface FindingAnswer {
  readonly node: string
  readonly check: string
  readonly category: string
  readonly gravity: 'note' | 'warn' | 'critical'
  readonly subject: string
  readonly what: string
  readonly evidence: Readonly<Record<string, unknown>>
  readonly why: string
  readonly fix: readonly string[]
  readonly undo: readonly string[]
  readonly advice: string | null
}

export interface FindingsAnswer {
  /** 0 to 100; null: it was not computed. */
  readonly score: number | null
  readonly findings: readonly FindingAnswer[]
  /** Checks that could not be asked, and why. */
  readonly notAsked: readonly { readonly node: string; readonly check: string; readonly why: string }[]
  /** Servers that did not answer. */
  readonly silent: readonly string[]
}

export interface ExplainRequest {
  readonly sql: string
  readonly params?: readonly unknown[]
  /** Runs it, in a transaction that is rolled back. */
  readonly analyze?: boolean
}

export interface ExplainAnswer {
  /** A tree of nodes, with what each costs and took. */
  readonly plan: unknown
  readonly insights: readonly unknown[]
  /** Indexes that would serve it, the best first. */
  readonly suggestions: readonly unknown[]
}

const jobRunShape: Shape<JobRunAnswer> = object<JobRunAnswer>({
  job: text(),
  tick: time(),
  attempt: whole(),
  manual: flag(),
  state: text(),
  started: time(),
  finished: nullable(time()),
  did: text(),
  failure: nullable(text()),
})

export const jobsShape: Shape<JobsAnswer> = object<JobsAnswer>({
  jobs: list(
    object<JobAnswer>({
      name: text(),
      purpose: text(),
      schedule: text(),
      state: oneOf('waiting', 'running', 'lost', 'paused'),
      next: nullable(time()),
      last: nullable(jobRunShape),
    }),
  ),
})

export const jobHistoryShape: Shape<JobHistoryAnswer> = object<JobHistoryAnswer>({ runs: list(jobRunShape) })

export const jobRanShape: Shape<JobRan> = object<JobRan>({
  job: text(),
  state: oneOf('done', 'failed', 'lost'),
  did: text(),
  warnings: list(text()),
  failure: nullable(text()),
  durationMs: number(),
})

export const rollupsShape: Shape<RollupsAnswer> = object<RollupsAnswer>({
  rollups: list(
    object<RollupAnswer>({
      name: text(),
      source: object<RollupAnswer['source']>({ schema: text(), table: text() }),
      state: text(),
      rowsEstimate: nullable(number()),
      sizeBytes: nullable(number()),
      pending: nullable(number()),
      mergedAt: nullable(time()),
      lagMs: nullable(number()),
      failures: whole(),
      findings: findingTexts,
    }),
  ),
})

export const partitionsShape: Shape<PartitionsAnswer> = object<PartitionsAnswer>({
  tables: list(
    object<PartitionedAnswer>({
      key: text(),
      schema: text(),
      table: text(),
      state: text(),
      layout: text(),
      retention: nullable(text()),
      partitions: list(
        object<PartitionedAnswer['partitions'][number]>({
          schema: text(),
          name: text(),
          bound: text(),
          rows: nullable(number()),
          sizeBytes: number(),
          tier: text(),
          isDefault: flag(),
        }),
      ),
      missing: list(text()),
      defaultRows: nullable(number()),
      findings: findingTexts,
    }),
  ),
})

export const nodesShape: Shape<NodesAnswer> = object<NodesAnswer>({ nodes: list(nodeStateShape) })

export const findingsShape: Shape<FindingsAnswer> = object<FindingsAnswer>({
  score: nullable(number()),
  findings: list(
    object<FindingAnswer>({
      node: text(),
      check: text(),
      category: text(),
      gravity: oneOf('note', 'warn', 'critical'),
      subject: text(),
      what: text(),
      evidence: record(anything()),
      why: text(),
      fix: list(text()),
      undo: list(text()),
      advice: nullable(text()),
    }),
  ),
  notAsked: list(object<FindingsAnswer['notAsked'][number]>({ node: text(), check: text(), why: text() })),
  silent: list(text()),
})

export const explainRequestShape: ObjectShape<ExplainRequest> = object<ExplainRequest>({
  sql: text({ least: 1, most: 50_000 }),
  params: optional(list(anything(), { most: 1_000 })),
  analyze: optional(flag()),
})

export const explainShape: Shape<ExplainAnswer> = object<ExplainAnswer>({
  plan: anything(),
  insights: list(anything()),
  suggestions: list(anything()),
})
