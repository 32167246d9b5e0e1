// Whether the server counts what statements take.

import { onlyRow } from '../../db/db.ts'
import { quoteLiteral } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck } from './tools/define.ts'
import { inSentences, settingSql } from './tools/settings.ts'

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
    const change =
      row.isPreloaded || preloaded === null
        ? undefined
        : await settingSql(on, {
            name: 'shared_preload_libraries',
            value: listOf(`${preloaded}, pg_stat_statements`),
            before: listOf(preloaded),
          })
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
          ...(change?.fix ?? []),
          ...(row.isInstalled ? [] : ['create extension if not exists pg_stat_statements']),
        ],
        undo: [...(row.isInstalled ? [] : ['drop extension if exists pg_stat_statements']), ...(change?.undo ?? [])],
        ...(isReady
          ? {}
          : {
              advice:
                preloaded === null
                  ? 'Add it to shared_preload_libraries, which is not shown to this role, beside what stands there, and restart the server.'
                  : inSentences(
                      change?.hint,
                      row.isAvailable
                        ? undefined
                        : 'The package with it is not installed on the server: postgresql-contrib has it.',
                    ),
            }),
      },
    ]
  },
})

/** As SQL has a list of names: each a text of its own. */
function listOf(setting: string): string {
  const names = setting.split(',').map((name) => name.trim().replaceAll('"', ''))
  return names.filter(Boolean).map(quoteLiteral).join(', ') || "''"
}
