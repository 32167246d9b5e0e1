// The ninth version: plain views.

import { plainViewTables } from './plain-view-tables.ts'
import type { SchemaVersion } from './version.ts'

export const version9: SchemaVersion = {
  version: 9,
  title: 'schema "pgstrata": plain views',
  tables: ['plain_view'],
  statements: plainViewTables,
}
