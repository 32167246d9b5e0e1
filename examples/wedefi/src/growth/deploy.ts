// Deploys a new database so that months can be moved at once. Whoever has read a rollup before its table had tiers may go on reading the table
// alone for a minute or two, and nothing is packed before that is over. Rollups that come behind the tiers know of them from the beginning.

import { openStrata } from 'pgstrata'
import { openWedefi, type WedefiConfig, type WedefiStrata } from '../strata.ts'

/** Closing what it gives is up to the caller. */
export async function deployForMoves(
  resolved: WedefiConfig,
  { signal, lint }: { readonly signal?: AbortSignal; readonly lint?: boolean } = {},
): Promise<WedefiStrata> {
  const tablesAlone = openStrata({ ...resolved, rollups: [], plainViews: [] })
  try {
    await tablesAlone.migrate.up({ signal, ...(lint === undefined ? {} : { lint }) })
    await tablesAlone.apply({ signal })
  } finally {
    await tablesAlone.close()
  }
  const strata = openWedefi(resolved)
  try {
    await strata.apply({ signal })
    return strata
  } catch (error) {
    await strata.close()
    throw error
  }
}
