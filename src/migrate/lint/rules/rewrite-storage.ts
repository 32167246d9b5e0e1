import { actionsOf } from '../alter.ts'
import { showTable } from '../names.ts'
import type { Rule } from '../types.ts'

const words: Readonly<Record<string, string>> = {
  AT_SetTableSpace: 'SET TABLESPACE',
  AT_SetLogged: 'SET LOGGED',
  AT_SetUnLogged: 'SET UNLOGGED',
  AT_SetAccessMethod: 'SET ACCESS METHOD',
}

export const rewriteStorage: Rule = {
  name: 'rewrite-storage',
  harm: 'rewrite',
  summary: 'SET TABLESPACE, SET LOGGED, SET UNLOGGED, SET ACCESS METHOD.',
  why: 'The files of the table are copied whole under ACCESS EXCLUSIVE.',
  bad: 'alter table plays set tablespace slow_disks;',
  good: '-- pg_repack --table plays --tablespace slow_disks; or partition by partition, old ones first, at a quiet hour',
  check: ({ statement, table: factsOf }) =>
    actionsOf(statement, ...Object.keys(words)).flatMap(({ table, kind }) => {
      // On a partitioned parent these only set what new partitions will have.
      if (factsOf(table)?.kind === 'partitioned') return []
      return {
        message: `${words[kind] ?? kind} copies all of ${showTable(table)} while nobody may use it`,
        fix:
          kind === 'AT_SetTableSpace'
            ? `pg_repack --table ${showTable(table)} --tablespace …`
            : 'Make a new table that has it, copy in batches, and swap the names.',
        table,
        lock: 'ACCESS EXCLUSIVE' as const,
      }
    }),
}
