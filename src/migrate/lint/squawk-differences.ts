// Where our findings differ from squawk's on purpose, in words, for docs/lint.md. The single cases, which the test
// holds both linters to, are in test/migrate/lint-corpus/differences.ts.

export interface SquawkDifference {
  readonly what: string
  readonly reason: string
}

export const squawkDifferences: readonly SquawkDifference[] = [
  {
    what: 'Severity.',
    reason:
      'squawk does not know the table: each of its findings counts the same. Ours follow the size and the traffic of the live table.',
  },
  {
    what: 'require-lock-timeout, require-statement-timeout, require-timeout-settings',
    reason:
      'are not needed: the runner bounds every wait for a lock by itself, and tries again along a ladder of growing, jittered waits.',
  },
  {
    what: 'ban-concurrent-index-creation-in-transaction, transaction-nesting',
    reason:
      'matter only where a file says BEGIN … COMMIT by itself: the runner takes what cannot be in a transaction out of it. Ours (outside-transaction-only, nested-transaction) hold for every statement that PostgreSQL refuses in a transaction.',
  },
  {
    what: 'prefer-robust-stmts, require-table-schema',
    reason: 'are off unless switched on: the runner never repeats what was carried out, and search_path is its own.',
  },
  {
    what: 'Statements without BEGIN',
    reason:
      'share a transaction with their neighbours, as the runner cuts them. So NOT VALID and VALIDATE next to each other are a finding, and an index on a table made two lines above is none.',
  },
  {
    what: 'Tables made in the same migration',
    reason:
      'are used by nobody: no finding of locks, lost data or broken code, where squawk looks at some of its rules only.',
  },
  {
    what: 'Defaults.',
    reason:
      "-1, lower('NL') and other calls of immutable functions with arguments are constants to us; squawk takes them for volatile.",
  },
  {
    what: 'serial and identity columns',
    reason: 'added to a table that exists number every row: the table is rewritten, which squawk does not say.',
  },
  {
    what: 'Constraints at a new column',
    reason:
      '(REFERENCES, UNIQUE, PRIMARY KEY, CHECK) are judged like those of ADD CONSTRAINT; a foreign key there is a brief lock only, for the new column is null.',
  },
  {
    what: 'PostgreSQL 18:',
    reason: 'NOT ENFORCED and VIRTUAL cost nothing; ADD CONSTRAINT … NOT NULL is reported as set-not-null.',
  },
  {
    what: 'Type changes',
    reason:
      'that keep the bytes (varchar(50) → text, numeric(8,2) → numeric(10,2), …) are no finding where live facts tell the old type. squawk reports every one.',
  },
  {
    what: 'Views',
    reason:
      'break code like tables when they, or their columns, are renamed. A table renamed with a view left under its old name breaks nothing.',
  },
  {
    what: 'More rules:',
    reason:
      'partitions, materialized views, triggers, backfills in one statement or beside DDL, storage, schemas, types, enum values, json, exclusion constraints, wide indexes.',
  },
]
