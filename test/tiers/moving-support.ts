// Partitions that are moved at once, as a person does it.

import { systemClock } from '../../src/base/clock.ts'
import { resolveConfig } from '../../src/config/index.ts'
import { openStrata, type Strata } from '../../src/strata.ts'

/** Nothing is due by itself. */
const tieredPlays = {
  plays: { time: 'at', partition: 'month', warm: { after: '100 years', segmentBy: ['song'] } },
} as const

export interface OpenTiers {
  readonly strata: Strata
  move(partition: string, what: 'pack' | 'unpack'): Promise<void>
  close(): Promise<void>
}

/** Of table plays; applied. */
export async function openTiers(url: string): Promise<OpenTiers> {
  const written = { database: { primary: url }, tables: tieredPlays }
  const strata = openStrata(resolveConfig<unknown>(written, { root: '/', name: 'pgstrata.config.ts' }), {
    clock: systemClock,
  })
  await strata.apply()
  return {
    strata,
    move: async (partition, what) => void (await strata.tiers.move('plays', partition, what)),
    close: () => strata.close(),
  }
}
