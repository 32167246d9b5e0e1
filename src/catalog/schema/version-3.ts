// The third version: rollups.

import { rollupTables } from './rollup-tables.ts'
import type { SchemaVersion } from './version.ts'

export const version3: SchemaVersion = {
  version: 3,
  title: 'schema "pgstrata": rollups',
  tables: ['rollup'],
  statements: rollupTables,
}
