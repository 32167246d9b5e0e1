// The seventh version: live events between processes.

import { liveTables } from './live-tables.ts'
import type { SchemaVersion } from './version.ts'

export const version7: SchemaVersion = {
  version: 7,
  title: 'schema "pgstrata": live events between processes',
  tables: ['live', 'live_log'],
  statements: liveTables,
}
