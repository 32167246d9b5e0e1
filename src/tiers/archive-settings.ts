// What is declared of archives, checked and complete: where they are, and what may be taken of this machine on their way.

import type { DuckOptions } from './archive/duck.ts'
import type { StoreOptions } from './store/open.ts'

export interface ArchiveSettings {
  readonly store: StoreOptions
  /** Files on their way to the store and back. */
  readonly workDir: string
  readonly cache: { readonly dir: string; readonly sizeBytes: number }
  readonly duck: DuckOptions
  /** Which share of all files is read back how often; the longest unread first. Undefined: none by itself. */
  readonly verify: { readonly everyMs: number; readonly share: number } | undefined
  /** How long an archive is kept; undefined: for ever. */
  readonly retain: string | undefined
}
