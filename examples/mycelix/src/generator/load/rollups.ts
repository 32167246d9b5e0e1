// Rollups while their tables are loaded: taken away, and made anew from the rows, which takes a fraction of what counting each row costs.
//
// Promises: the plain views that read them go and come with them. They are only undeclared for that time: whoever applies the
// configuration after a load that was killed (`npm run deploy`) makes all of them again, and fills them.

import { openStrata, type Strata } from 'pgstrata'
import { withEach } from '../each.ts'
import { loadedTables } from './taken-down.ts'

export interface MakeRollupsOptions {
  /** Told how far all of it is, from 0 to 1. */
  readonly onShare: (share: number) => void
  readonly signal?: AbortSignal | undefined
}

const atOnce = 2

export async function takeRollupsAway({ config }: Strata): Promise<void> {
  const rollups = config.rollups.filter(({ table }) => !loadedTables.includes(table))
  const strata = openStrata({ ...config, plainViews: [], live: undefined, rollups })
  try {
    await strata.apply()
  } finally {
    await strata.close()
  }
}

/** Those that are not there, or not filled. */
export async function readMissingRollups(strata: Strata): Promise<readonly string[]> {
  const live = new Set((await strata.rollup.status()).filter(({ state }) => state === 'live').map(({ name }) => name))
  return strata.config.rollups.map(({ name }) => name).filter((name) => !live.has(name))
}

export async function makeRollups(strata: Strata, { onShare, signal }: MakeRollupsOptions): Promise<void> {
  await strata.apply()
  const missing = await readMissingRollups(strata)
  const shares = new Map(missing.map((name) => [name, 0]))
  const note = (name: string, share: number): void => {
    shares.set(name, share)
    onShare([...shares.values()].reduce((sum, one) => sum + one, 0) / shares.size)
  }
  const fill = async (name: string): Promise<void> => {
    await strata.rollup.fill(name, {
      onProgress: ({ share }) => note(name, share),
      ...(signal === undefined ? {} : { signal }),
    })
    note(name, 1)
  }
  await withEach({ items: missing, atOnce, work: fill })
  // Views that read them come when they are filled.
  if (missing.length > 0) await strata.apply()
}
