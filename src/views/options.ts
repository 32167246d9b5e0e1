// What is declared of one view, checked and complete.

import type { JobSchedule } from '../db/job.ts'

export interface MaterializedView {
  readonly name: string
  readonly schema: string
  /** A SELECT, as it was written. */
  readonly sql: string
  /** Columns that no two rows share; empty: none, and readers wait while it is refreshed. */
  readonly unique: readonly string[]
  /** Columns of further indexes. */
  readonly indexes: readonly (readonly string[])[]
  /** Undefined: only when somebody asks for it. */
  readonly refresh: JobSchedule | undefined
  readonly tags: readonly string[]
  /** Views that are refreshed before it, besides those that it is seen to read. */
  readonly dependsOn: readonly string[]
}

/** It keeps no rows: whoever reads it runs its sql. */
export interface PlainView {
  readonly name: string
  readonly schema: string
  /** A SELECT, as it was written. */
  readonly sql: string
}
