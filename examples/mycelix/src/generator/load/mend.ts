// After a load, whatever became of it: indexes and foreign keys are there again, and rollups count what there is. For a load that was
// killed, `npm run deploy` and the next `npm run generate` call it.

import type { Strata } from 'pgstrata'
import { withBar, type MakeBar } from '../bar.ts'
import { alone } from './guard.ts'
import { putBack } from './put-back.ts'
import { makeRollups, readMissingRollups } from './rollups.ts'
import { readTakenDown } from './taken-down.ts'

/** Whether there was something to mend. Refused while somebody loads. */
export async function mendLoad(strata: Strata, bar: MakeBar): Promise<boolean> {
  return await alone(strata.db, () => mendNow(strata, bar))
}

/** By whoever holds the lock. */
export async function mendNow(strata: Strata, bar: MakeBar): Promise<boolean> {
  const parts = await readTakenDown(strata.db)
  if (parts.length > 0) {
    await withBar(bar({ label: 'Indexes', total: parts.length, unit: 'indexes and keys' }), async (indexes) => {
      await putBack(strata.db, { onPart: () => indexes.add() })
    })
  }
  const missing = await readMissingRollups(strata)
  if (missing.length > 0) {
    await withBar(bar({ label: 'Rollups', total: 100, unit: '%' }), async (rollups) => {
      await makeRollups(strata, (share) => rollups.set(Math.round(share * 100)))
    })
  }
  return parts.length + missing.length > 0
}
