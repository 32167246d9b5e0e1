// Whether the server counts what statements take.

import { onlyRow } from '../../db/db.ts'
import { quoteLiteral } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck } from './tools/define.ts'

interface Installed {
  readonly isPreloaded: boolean
  readonly isInstalled: boolean
  readonly isAvailable: boolean
  readonly preloaded: string | null
}

export const statementsMissing: Check = defineCheck({
  name: 'statements-missing',
  category: 'settings',
  question: 'Does the server count what statements take?',
  why: 'Without pg_stat_statements nobody can say which statements the server is busy with.',
  threshold: 'warn where pg_stat_statements is not there',
  mends: 'creates the extension',
  find: async ({ on }) => {
    const row = onlyRow(
      await on.query<Installed>(sql`
        with setting as (
          -- Not shown to every role; what the library itself defines is.
          select (select s.setting from pg_settings s where s.name = 'shared_preload_libraries') as preloaded
        )
        select preloaded,
          coalesce(preloaded ~ 'pg_stat_statements', current_setting('pg_stat_statements.max', true) is not null) as "isPreloaded",
          exists (select from pg_extension where extname = 'pg_stat_statements') as "isInstalled",
          exists (select from pg_available_extensions where name = 'pg_stat_statements') as "isAvailable"
        from setting`),
    )
    if (row.isInstalled && row.isPreloaded) return []
    const { preloaded } = row
    // What is not shown to the role may be more than nothing: to set it would unload that.
    const libraries =
      preloaded === null
        ? []
        : [...preloaded.split(',').map((name) => name.trim().replaceAll('"', '')), 'pg_stat_statements'].filter(Boolean)
    const setsLibraries = !row.isPreloaded && libraries.length > 0
    const isReady = row.isPreloaded && row.isAvailable
    return [
      {
        gravity: 'warn',
        subject: 'pg_stat_statements',
        what: row.isPreloaded
          ? 'pg_stat_statements is loaded, but not installed in this database'
          : 'The server does not load pg_stat_statements',
        evidence: { isPreloaded: row.isPreloaded, isInstalled: row.isInstalled, isAvailable: row.isAvailable },
        fix: [
          ...(setsLibraries
            ? [`alter system set shared_preload_libraries = ${libraries.map(quoteLiteral).join(', ')}`]
            : []),
          ...(row.isInstalled ? [] : ['create extension if not exists pg_stat_statements']),
        ],
        undo: [
          ...(row.isInstalled ? [] : ['drop extension if exists pg_stat_statements']),
          ...(setsLibraries ? ['alter system reset shared_preload_libraries'] : []),
        ],
        ...(isReady
          ? {}
          : {
              advice:
                preloaded === null
                  ? 'Add it to shared_preload_libraries, which is not shown to this role, beside what stands there, and restart the server.'
                  : 'What the server loads takes effect with a restart. A managed server has a setting of its own for it.',
            }),
      },
    ]
  },
})
