// The versions of PostgreSQL that the tests run on, and how to leave one out: PGSTRATA_SKIP=postgres-15. What is left
// out is said, never silently.

import type { Major } from '../../src/embedded/index.ts'

export type TestedMajor = Extract<Major, 15 | 18>

/** The fast run is for the inner loop: the newest version alone. */
const all: readonly TestedMajor[] = process.env['PGSTRATA_FAST'] === '1' ? [18] : [18, 15]

/** 'postgres-15', 'small-disk', …: what PGSTRATA_SKIP names, separated by commas. */
export const skipped: ReadonlySet<string> = new Set(
  (process.env['PGSTRATA_SKIP'] ?? '').split(',').filter((name) => name !== ''),
)

export const versions: readonly TestedMajor[] = all.filter((version) => !skipped.has(`postgres-${version}`))
export const versionsSkipped: readonly TestedMajor[] = all.filter((version) => skipped.has(`postgres-${version}`))
