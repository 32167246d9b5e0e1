// Whether autovacuum runs at all, and for which tables it does not.

import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import type { Check } from '../model.ts'
import { defineCheck, findEach } from './tools/define.ts'
import { showName, usersOwn } from './tools/relations.ts'

export const autovacuumOff: Check = defineCheck({
  name: 'autovacuum-off',
  category: 'vacuum',
  question: 'Is autovacuum switched off?',
  why: 'Dead rows stay, statistics grow old, and in the end the server refuses writes to save its transaction numbers.',
  threshold: 'critical for the server (also where track_counts is off), warn for a table',
  mends: 'switches it on',
  caps: true,
  find: async ({ on }) => {
    const settings = await findEach<{ name: string }>(
      on,
      sql`
        select name
        from pg_settings
        where name in ('autovacuum', 'track_counts')
          and setting = 'off'
        order by name`,
      ({ name }) => ({
        gravity: 'critical',
        subject: name,
        what: `${name} is off for the whole server`,
        evidence: { [name]: 'off' },
        fix: [`alter system set ${name} = on`, 'select pg_reload_conf()'],
        undo: [`alter system set ${name} = off`, 'select pg_reload_conf()'],
      }),
    )
    const tables = await findEach<{ schema: string; table: string; rows: number; sizeBytes: number }>(
      on,
      sql`
        select n.nspname::text as schema, c.relname::text as "table", greatest(c.reltuples, 0)::float8 as rows,
          pg_relation_size(c.oid)::float8 as "sizeBytes"
        from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where ${usersOwn}
          and c.relkind in ('r', 'm')
          and c.reloptions && array['autovacuum_enabled=false', 'autovacuum_enabled=off', 'autovacuum_enabled=0', 'autovacuum_enabled=no']
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
