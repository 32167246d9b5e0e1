// Extensions whose functions and types stand among the user's own.

import { quoteIdent } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { showName } from './tools/relations.ts'

export const extensionInPublic: Check = defineCheck({
  name: 'extension-in-public',
  category: 'security',
  question: 'Do extensions stand in schema public?',
  why: 'Whatever is public is offered by an API that shows the schema, and names of extensions and of your own meet.',
  threshold: 'note, of those that can be moved',
  mends: 'moves it to schema extensions',
  penalty: { note: 0.02, warn: 0.1, critical: 0.5 },
  find: ({ on }) =>
    findEach<{ name: string; version: string; isThere: boolean }>(
      on,
      sql`
        select e.extname::text as name, e.extversion as version,
          exists (select from pg_namespace where nspname = 'extensions') as "isThere"
        from pg_extension e
        join pg_namespace n on n.oid = e.extnamespace
        where n.nspname = 'public'
          and e.extrelocatable
        order by e.extname`,
      ({ name, version, isThere }) => ({
        gravity: 'note',
        subject: `extension ${showName(name)}`,
        what: `Extension ${showName(name)} is in schema public`,
        evidence: { version },
        fix: [
          ...(isThere ? [] : ['create schema if not exists extensions']),
          `alter extension ${quoteIdent(name)} set schema extensions`,
        ],
        undo: [`alter extension ${quoteIdent(name)} set schema public`],
        advice: 'Roles need usage on schema extensions, and it has to be in their search_path.',
      }),
    ),
})
