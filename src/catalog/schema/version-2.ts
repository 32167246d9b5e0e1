// The second version: layouts and their partitions, conversions, jobs and their runs.

import { conversionTables } from './conversion-tables.ts'
import { jobTables } from './job-tables.ts'
import { layoutTables } from './layout-tables.ts'
import type { SchemaVersion } from './version.ts'

export const version2: SchemaVersion = {
  version: 2,
  title: 'schema "pgstrata": layouts, conversions, jobs',
  tables: ['layout', 'retired_partition', 'conversion', 'job', 'job_run', 'table_mark'],
  statements: [...layoutTables, ...conversionTables, ...jobTables],
}
