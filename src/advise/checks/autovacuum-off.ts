// Whether autovacuum runs at all, and for which tables it does not.

import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach, inTurn } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'
import { settingSql, withHint } from './tools/settings.ts'

export const autovacuumOff: Check = defineCheck({
  name: 'autovacuum-off',
  category: 'vacuum',
  question: 'Is autovacuum switched off?',
  why: 'Dead rows stay, statistics grow old, and in the end the server refuses writes to save its transaction numbers.',
  threshold: 'critical for the server (also where track_counts is off), warn for a table',
  mends: 'switches it on',
  caps: true,
  find: async ({ on }) => {
    const { rows: off } = await on.query<{ name: string }>(sql`
      select name
      from pg_settings
      where name in ('autovacuum', 'track_counts')
        and setting = 'off'
      order by name`)
    const settings = await inTurn(off, async ({ name }) => ({
      gravity: 'critical' as const,
      subject: name,
      what: `${name} is off${name === 'autovacuum' ? ' for the whole server' : ', and autovacuum goes by what it counts'}`,
      evidence: { [name]: 'off' },
      ...withHint(await settingSql(on, { name, value: 'on' })),
    }))
    const tables = await findEach<{ schema: string; table: string; rows: number; sizeBytes: number }>(
      on,
      sql`
        select n.nspname::text as schema, c.relname::text as "table", greatest(c.reltuples, 0)::float8 as rows,
          pg_relation_size(c.oid)::float8 as "sizeBytes"
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where ${usersOwn}
          and c.relkind in ('r', 'm')
          and exists (
            select
            from pg_options_to_table(c.reloptions) o
            where o.option_name = 'autovacuum_enabled'
              and not o.option_value::bool
          )
        order by "sizeBytes" desc`,
      ({ schema, table, rows, sizeBytes }) => ({
        gravity: 'warn',
        subject: `table ${showName(schema, table)}`,
        what: `autovacuum is switched off for ${showName(schema, table)}`,
        evidence: { rows, sizeBytes },
        fix: [`alter table ${quoteQualified(schema, table)} reset (autovacuum_enabled)`],
        undo: [`alter table ${quoteQualified(schema, table)} set (autovacuum_enabled = false)`],
      }),
    )
    return [...settings, ...tables]
  },
})
