import { adviseBackfill } from '../backfill-advice.ts'
import { addedColumns, defaultOf } from '../alter.ts'
import { showIdent, showTable } from '../names.ts'
import { showType } from '../sql-types.ts'
import { volatileCallIn } from '../volatility.ts'
import type { Rule } from '../types.ts'

export const volatileDefault: Rule = {
  name: 'volatile-default',
  harm: 'rewrite',
  summary:
    'ADD COLUMN with a default that differs from row to row (random(), gen_random_uuid(), clock_timestamp(), functions of your own).',
  why: 'A constant, or a stable expression such as now(), is stored once for all rows that are there; a volatile one is computed for each, and the table written anew.',
  bad: 'alter table plays add column token uuid default gen_random_uuid();',
  good: `alter table plays add column token uuid;
alter table plays alter column token set default gen_random_uuid();
-- then fill the old rows in a batched backfill`,
  check: ({ statement }) =>
    addedColumns(statement).flatMap(({ table, column }) => {
      const call = volatileCallIn(defaultOf(column))
      if (call === undefined) return []
      const [shown, name] = [showTable(table), showIdent(column.name)]
      return {
        message: `The default of ${name} calls ${call}(), which may give each row another value: all of ${shown} is written anew`,
        fix: [
          `alter table ${shown} add column ${name} ${showType(column.type)};`,
          `alter table ${shown} alter column ${name} set default ${call}(…);`,
          adviseBackfill(table),
        ].join('\n'),
        table,
        lock: 'ACCESS EXCLUSIVE' as const,
      }
    }),
}
