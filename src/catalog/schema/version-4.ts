// The fourth version: materialized views, and rollups whose definition changes.

import { rollupChanges } from './rollup-tables.ts'
import type { SchemaVersion } from './version.ts'
import { viewTables } from './view-tables.ts'

export const version4: SchemaVersion = {
  version: 4,
  title: 'schema "pgstrata": materialized views, and changes of rollups',
  tables: ['view'],
  views: ['view_freshness'],
  statements: [...viewTables, ...rollupChanges],
}
