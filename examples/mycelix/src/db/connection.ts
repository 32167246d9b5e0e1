// The database of this process, by DATABASE_URL or pgstrata.config.ts: one handle and its pool, for whoever needs no other. Nothing is
// connected before the first statement. Whoever imports it closes it: `await strata.close()`.

import type { StrataPool } from 'pgstrata'
import { openMycelix, type MycelixStrata } from '../strata.ts'

export const strata: MycelixStrata = openMycelix()

/** As `new Pool()` of pg; reads go to replicas where there are some. */
export const pool: StrataPool = strata.pool
