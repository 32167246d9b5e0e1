// What is declared of jobs and of rows that expire, checked and complete.

import type { JobOutcome, JobSchedule } from '../db/job.ts'
import type { RunContext } from './run-context.ts'

/** Rows of a table that may go: deleted in bounded batches. */
export interface Cleanup {
  /** Its key under `tables`. */
  readonly key: string
  readonly schema: string
  readonly table: string
  /** A condition in SQL: 'expires_at < now()'. */
  readonly where: string
  readonly everyMs: number
  readonly batchRows: number
}

export interface OwnJob {
  readonly name: string
  readonly schedule: JobSchedule
  readonly timeoutMs: number
  readonly overlap: 'skip' | 'queue'
  /** Statements, each in a transaction of its own; or a function. */
  readonly work:
    | { readonly sql: readonly string[] }
    | { readonly run: (context: RunContext) => Promise<JobOutcome | void> }
}

/** What a health check found, asked by its name. */
export interface Reviewed {
  readonly check: string
  readonly question: string
  /** Undefined: it could be asked. */
  readonly unavailable: string | undefined
  readonly findings: readonly {
    readonly gravity: 'note' | 'warn' | 'critical'
    readonly subject: string
    readonly what: string
    readonly fix: readonly string[]
    /** Whom it keeps waiting, and what else is to be thought of. */
    readonly advice?: string | undefined
  }[]
}

/** Asks health checks; whoever knows them hands it over. */
export type Reviewer = (checks: readonly string[], signal: AbortSignal) => Promise<readonly Reviewed[]>

export interface JobSettings {
  /** Of cron expressions that name none. */
  readonly zone: string
  /** How long a runner may be silent before another takes over. */
  readonly leaseMs: number
  /** How long runs are remembered. */
  readonly historyMs: number
  /** Sessions that are idle in a transaction for longer are ended; undefined: they are told of. */
  readonly endIdleMs: number | undefined
  /** Jobs of pgstrata's own that run at other times, or not at all. */
  readonly builtIn: Readonly<Record<string, JobSchedule | false>>
  readonly own: readonly OwnJob[]
}

/** Jobs of pgstrata's own, also those that other features contribute; `cleanup:…` aside, which the tables name. */
export const builtInNames = [
  'partitions',
  'retention',
  'drain',
  'merge',
  'refresh',
  'analyze',
  'freeze',
  'reindex',
  'optimize',
  'security',
  'review-daily',
  'review-weekly',
  'review-monthly',
  'history',
  'tiers',
  'archive-verify',
  'archive-retain',
  'backup',
  'backup-mark',
  'backup-verify',
] as const
