// After a load, whatever became of it: indexes and foreign keys are there again, and rollups count what there is. For a load that was
// killed, `npm run deploy` and the next `npm run generate` call it.

import type { Strata } from 'pgstrata'
import type { MakeBar } from 'pgstrata-example-kit'
import { withBar } from '../bar.ts'
import { alone } from './guard.ts'
import { putBack } from './put-back.ts'
import { makeRollups, readMissingRollups } from './rollups.ts'
import { readTakenDown } from './taken-down.ts'

/** Whether there was something to mend. Refused while somebody loads. `signal`: stops it between two parts of the work. */
export async function mendLoad(strata: Strata, bar: MakeBar, signal?: AbortSignal): Promise<boolean> {
  return await alone(strata.db, () => mendNow(strata, bar, signal))
}

/** By whoever holds the lock. */
export async function mendNow(strata: Strata, bar: MakeBar, signal?: AbortSignal): Promise<boolean> {
  const parts = await readTakenDown(strata.db)
  if (parts.length > 0) {
    await withBar(bar({ label: 'Indexes', total: parts.length, unit: 'indexes and keys' }), async (indexes) => {
      await putBack(strata.db, { onPart: () => indexes.add(), signal })
    })
  }
  const missing = await readMissingRollups(strata)
  if (missing.length > 0) {
    await withBar(bar({ label: 'Rollups', total: 100, unit: '%' }), async (rollups) => {
      await makeRollups(strata, { onShare: (share) => rollups.set(Math.round(share * 100)), signal })
    })
  }
  return parts.length + missing.length > 0
}
