// The fourth version: materialized views.

import type { SchemaVersion } from './version.ts'
import { viewTables } from './view-tables.ts'

export const version4: SchemaVersion = {
  version: 4,
  title: 'schema "pgstrata": materialized views',
  tables: ['view'],
  views: ['view_freshness'],
  statements: [...viewTables],
}
