// The fifth version: how merging gets on.

import { rollupMerging } from './rollup-tables.ts'
import type { SchemaVersion } from './version.ts'

export const version5: SchemaVersion = {
  version: 5,
  title: 'schema "pgstrata": how the merging of rollups gets on',
  tables: ['rollup_merging'],
  statements: rollupMerging,
}
