// The eighth version: what is measured, alerts, and who managed what.

import { alertTables } from './alert-tables.ts'
import { auditTables } from './audit-tables.ts'
import { watchTables } from './watch-tables.ts'
import type { SchemaVersion } from './version.ts'

export const version8: SchemaVersion = {
  version: 8,
  title: 'schema "pgstrata": measurements, alerts and an audit',
  tables: [
    'watch_metric',
    'watch_statement',
    'watch_session',
    'watch_call',
    'watch_shape',
    'watch_query',
    'watch_now',
    'alert',
    'alert_action',
    'alert_silence',
    'audit',
  ],
  statements: [...watchTables, ...alertTables, ...auditTables],
}
