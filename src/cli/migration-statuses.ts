// What became of each migration, for commands that are not about migrations: whoever has no folder of them has none.

import { isStrataError } from '../base/errors.ts'
import type { MigrationStatus } from '../migrate/index.ts'
import type { Strata } from '../strata.ts'

export async function readStatuses({ migrate }: Strata): Promise<readonly MigrationStatus[]> {
  try {
    return await migrate.status()
  } catch (error) {
    if (isStrataError(error, 'MIGRATION_INVALID') && error.details['missing'] === true) return []
    throw error
  }
}
