// What a user may say about migrations; the config resolves to this, and inside nothing is optional.

import type { LadderOptions } from '../plan/index.ts'
import type { LintOptions } from './lint/index.ts'

export interface MigrateOptions {
  /** Folder of the migration files, absolute. */
  readonly dir: string
  readonly ladder: LadderOptions
  /** How long a second runner waits for the first. */
  readonly waitMs: number
  readonly lint: LintOptions
}
