// Tiers of partitions and their archives, as the configuration declares them.

import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { ResolvedConfig } from '../config/index.ts'
import type { Db } from '../db/db.ts'
import { createArchives, createTiers, type Archives, type Tiers } from '../tiers/index.ts'

export interface Tiering {
  /** Partitions that are packed, slimmed and archived as they grow old. */
  readonly tiers: Tiers
  /** What is archived: whether it is whole, asking it, and bringing it back. Undefined: `archive` is not declared. */
  readonly archive: Archives | undefined
}

export function createTiering(
  { tiered, archive, ladder }: Pick<ResolvedConfig, 'tiered' | 'archive' | 'ladder'>,
  tools: { readonly db: Db; readonly clock: Clock; readonly random: Random },
): Tiering {
  return {
    tiers: createTiers({ ...tools, tables: tiered, archive, ladder }),
    archive:
      archive === undefined ? undefined : createArchives({ ...tools, tables: tiered, settings: archive, ladder }),
  }
}
