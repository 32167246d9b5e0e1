// Where squawk and we differ on the corpus, case by case, each with its reason. The test fails for a difference that
// is not listed and for one that is listed and no longer there. In words: src/migrate/lint/squawk-differences.ts.

export interface Difference {
  readonly case: string
  readonly squawk: string
  readonly fires: 'squawk' | 'us'
  readonly reason: string
}

const implicitTransaction =
  'Our runner puts statements that can share a transaction into one, with or without BEGIN; squawk takes each as one of its own.'
const madeHere =
  'The table was made earlier in the same migration: nobody uses it yet. Here squawk does not look at that.'
const inline =
  'The constraint is written at the new column, and is added under the same lock; squawk only looks at ADD CONSTRAINT.'
const numbersRows =
  'Each row that is there gets its own number, so the table is rewritten (lint-claims.test.ts sees it). squawk has no rule for it.'

export const differences: readonly Difference[] = [
  {
    case: 'columns: column with negative default',
    squawk: 'adding-field-with-default',
    fires: 'squawk',
    reason:
      '-1 is a constant. squawk takes every expression but a bare literal or a call without arguments for volatile.',
  },
  {
    case: 'columns: column with lower default',
    squawk: 'adding-field-with-default',
    fires: 'squawk',
    reason:
      'lower() is immutable, with arguments too; the default is computed once. squawk distrusts every call with arguments.',
  },
  {
    case: 'columns: virtual generated column',
    squawk: 'adding-field-with-default',
    fires: 'squawk',
    reason: 'A virtual column (PostgreSQL 18) is computed when it is read; nothing is written.',
  },
  { case: 'columns: bigserial column', squawk: 'adding-field-with-default', fires: 'us', reason: numbersRows },
  {
    case: 'constraints: serial primary key column',
    squawk: 'adding-field-with-default',
    fires: 'us',
    reason: numbersRows,
  },
  {
    case: 'columns: set expression',
    squawk: 'adding-field-with-default',
    fires: 'us',
    reason: 'SET EXPRESSION of a stored column computes it anew for every row, as adding it does.',
  },
  {
    case: 'columns: required column on a table made here',
    squawk: 'adding-required-field',
    fires: 'squawk',
    reason: madeHere,
  },
  {
    case: 'not-null: set not null on a table made here',
    squawk: 'adding-not-nullable-field',
    fires: 'squawk',
    reason: madeHere,
  },
  { case: 'tables: drop a table made here', squawk: 'ban-drop-table', fires: 'squawk', reason: madeHere },
  {
    case: 'columns: rename column of a view',
    squawk: 'renaming-column',
    fires: 'us',
    reason: 'Code asks for the columns of a view as it does for those of a table.',
  },
  {
    case: 'tables: rename view',
    squawk: 'renaming-table',
    fires: 'us',
    reason: 'Code asks for a view by its name as it does for a table.',
  },
  {
    case: 'tables: rename table with a view left',
    squawk: 'renaming-table',
    fires: 'squawk',
    reason: 'A view takes the old name in the same transaction: code that uses it goes on, writes included.',
  },
  {
    case: 'constraints: check not valid then validate without begin',
    squawk: 'constraint-missing-not-valid',
    fires: 'us',
    reason: implicitTransaction,
  },
  {
    case: 'indexes: index on a table made here without begin',
    squawk: 'require-concurrent-index-creation',
    fires: 'squawk',
    reason: implicitTransaction,
  },
  {
    case: 'constraints: check not enforced',
    squawk: 'constraint-missing-not-valid',
    fires: 'squawk',
    reason: 'A constraint that is NOT ENFORCED (PostgreSQL 18) is never checked: no row is read.',
  },
  { case: 'constraints: column with references', squawk: 'constraint-missing-not-valid', fires: 'us', reason: inline },
  {
    case: 'constraints: column with references and a default',
    squawk: 'constraint-missing-not-valid',
    fires: 'us',
    reason: inline,
  },
  { case: 'constraints: column with unique', squawk: 'constraint-missing-not-valid', fires: 'us', reason: inline },
  { case: 'constraints: column with primary key', squawk: 'constraint-missing-not-valid', fires: 'us', reason: inline },
  {
    case: 'constraints: serial primary key column',
    squawk: 'constraint-missing-not-valid',
    fires: 'us',
    reason: inline,
  },
  { case: 'constraints: check with a new column', squawk: 'constraint-missing-not-valid', fires: 'us', reason: inline },
  {
    case: 'constraints: column with primary key',
    squawk: 'adding-required-field',
    fires: 'us',
    reason: 'PRIMARY KEY makes it NOT NULL, and there is no default: it fails on a table that has rows.',
  },
  {
    case: 'constraints: foreign key on a table made here',
    squawk: 'constraint-missing-not-valid',
    fires: 'us',
    reason:
      'The referencing table is new, but the referenced one is locked against writes for an instant; we say so as a brief lock.',
  },
  {
    case: 'constraints: foreign key on a table made here',
    squawk: 'adding-foreign-key-constraint',
    fires: 'us',
    reason:
      'The referencing table is new, but the referenced one is locked against writes for an instant; we say so as a brief lock.',
  },
  {
    case: 'constraints: not null constraint',
    squawk: 'constraint-missing-not-valid',
    fires: 'squawk',
    reason: 'We report it as set-not-null, which it is another spelling of (PostgreSQL 18).',
  },
  {
    case: 'constraints: not null constraint',
    squawk: 'adding-not-nullable-field',
    fires: 'us',
    reason: 'The other half of the same: squawk reports ADD CONSTRAINT … NOT NULL as a missing NOT VALID.',
  },
  {
    case: 'indexes: drop index concurrently in a transaction',
    squawk: 'ban-concurrent-index-creation-in-transaction',
    fires: 'us',
    reason: 'DROP INDEX CONCURRENTLY is refused in a transaction just as CREATE INDEX CONCURRENTLY is.',
  },
  {
    case: 'indexes: reindex with concurrently off',
    squawk: 'require-concurrent-reindex',
    fires: 'us',
    reason: 'REINDEX (CONCURRENTLY false) is a plain REINDEX; squawk only looks for the word.',
  },
  {
    case: 'types: domain set not null',
    squawk: 'ban-alter-domain-with-add-constraint',
    fires: 'us',
    reason: 'ALTER DOMAIN … SET NOT NULL reads every table with such a column, as ADD CONSTRAINT does.',
  },
  {
    case: 'types: character varying with length',
    squawk: 'ban-char-field',
    fires: 'squawk',
    reason: 'squawk 2.61 takes `character varying(n)` for a char field; it is varchar(n) by its long name.',
  },
  {
    case: 'types: character varying with length',
    squawk: 'prefer-text-field',
    fires: 'us',
    reason: 'squawk 2.61 knows varchar(n) by its short name only.',
  },
]

/** squawk's rules that have no counterpart, with the reason. */
export const unneeded: Readonly<Record<string, string>> = {
  'require-lock-timeout':
    'The runner sets lock_timeout for each statement by itself, and tries again along a ladder of growing, jittered waits.',
  'require-statement-timeout':
    'The runner sets it to 0: an index build may take hours, and what holds others up is bounded by the waits for locks.',
}
