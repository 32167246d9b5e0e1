// The sixth version: the feed of changes.

import { feedTables } from './feed-tables.ts'
import type { SchemaVersion } from './version.ts'

export const version6: SchemaVersion = {
  version: 6,
  title: 'schema "pgstrata": the feed of changes',
  tables: ['feed', 'outbox', 'outbox_commit', 'outbox_full'],
  statements: feedTables,
}
