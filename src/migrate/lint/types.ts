// What the linter is told, what a rule sees and what a finding is: all plain data.

import type { LockMode } from '../../plan/index.ts'
import type { ParsedStatement } from '../../sql/parse.ts'
import type { TableName } from './names.ts'

export type Severity = 'note' | 'warning' | 'error'

/** What kind of harm a statement does; severity.ts turns it into a severity by the size and traffic of the table. */
export type Harm =
  /** The table is written anew under ACCESS EXCLUSIVE. */
  | 'rewrite'
  /** The table is read from end to end while nobody may read or write it. */
  | 'scan-blocking-all'
  /** The table is read from end to end while nobody may write it. */
  | 'scan-blocking-writes'
  /** A strong lock for an instant; what waits for it makes others wait. */
  | 'lock-brief'
  /** Code that runs today fails as soon as the statement has run. */
  | 'breaks-clients'
  | 'data-loss'
  /** The statement fails, or leaves the migration in a state that was not meant. */
  | 'fails'
  /** An opinion. */
  | 'style'

export interface ColumnFacts {
  readonly name: string
  /** As format_type() writes it: 'character varying(50)'. */
  readonly type: string
  readonly notNull: boolean
}

export interface IndexFacts {
  readonly name: string
  readonly unique: boolean
  readonly valid: boolean
  readonly columns: readonly string[]
}

export interface CheckFacts {
  readonly name: string
  readonly validated: boolean
  /** As pg_get_expr() writes it. */
  readonly expression: string
  /** The columns it mentions. */
  readonly columns: readonly string[]
  /** The columns that cannot be null where it holds. */
  readonly notNullColumns: readonly string[]
}

export interface TableFacts {
  readonly schema: string
  readonly name: string
  readonly kind: 'table' | 'partitioned' | 'view' | 'matview' | 'foreign' | 'other'
  /** Planner's estimate; of a partitioned table, of all its partitions. */
  readonly rows: number
  /** With TOAST, without indexes; of a partitioned table, of all its partitions. */
  readonly sizeBytes: number
  readonly writesPerSecond: number
  readonly readsPerSecond: number
  readonly columns: readonly ColumnFacts[]
  readonly indexes: readonly IndexFacts[]
  readonly checks: readonly CheckFacts[]
  /** Columns of the partition key; empty where it is not partitioned, or by expressions. */
  readonly partitionKey: readonly string[]
}

/** What a database says about the tables that migrations name. Read by facts.ts. */
export interface LiveFacts {
  /** Major version. */
  readonly version: number
  readonly timeZone: string
  /** By tableKey() of the reference as the migration writes it. */
  readonly tables: ReadonlyMap<string, TableFacts>
  /** The table of each index that a migration names, by tableKey() of the index. */
  readonly indexes: ReadonlyMap<string, TableName>
}

export type RuleSettings = Readonly<Partial<Record<string, 'off' | Severity>>>

/** What a user may say about linting. */
export interface LintOptions {
  /** `migrate up` stops at findings of this severity or worse. */
  readonly gate: 'error' | 'warning' | 'off'
  readonly rules: RuleSettings
}

export interface LintInput {
  /** The statements of one part (up or down) of one migration. */
  readonly statements: readonly ParsedStatement[]
  /** The statements of the pending migrations that run before it, in order. */
  readonly earlier?: readonly ParsedStatement[] | undefined
  /** Absent: no database was looked at, and the worst plausible is assumed. */
  readonly facts?: LiveFacts | undefined
  /** Major version; by default that of the facts, and 15 (the oldest supported) without. */
  readonly version?: number | undefined
  /**
   * The transaction each statement runs in, as the runner has planned it: a number that neighbours share, undefined for
   * one that runs outside.
   * By default: explicit BEGIN … COMMIT, and otherwise each run of statements between those that cannot be in a transaction.
   */
  readonly transactions?: readonly (number | undefined)[] | undefined
  readonly rules?: RuleSettings | undefined
  /** 1-based line of the file at which the parsed text begins. */
  readonly firstLine?: number | undefined
}

export interface LintContext {
  readonly statement: ParsedStatement
  readonly index: number
  readonly statements: readonly ParsedStatement[]
  /** All that runs before: earlier pending migrations, then this one. */
  readonly before: () => readonly ParsedStatement[]
  /** Earlier statements of the same transaction. */
  readonly together: () => readonly ParsedStatement[]
  /** Tables that an earlier ALTER TABLE of the same transaction keeps locked. */
  readonly altered: readonly TableName[]
  /** The table was made by a statement in `before`: locks on it hurt nobody. */
  readonly createdHere: (table: TableName) => boolean
  /** Live facts; undefined where no database was looked at, or it does not know the table. */
  readonly table: (table: TableName) => TableFacts | undefined
  /** The table an index is on, where an earlier statement or the live database tells. */
  readonly tableOfIndex: (index: TableName) => TableName | undefined
  readonly inTransaction: boolean
  /** Between BEGIN and COMMIT of the file itself. */
  readonly inExplicitTransaction: boolean
  readonly version: number
  readonly timeZone: string | undefined
}

export interface Violation {
  /** What happens, with the names. */
  readonly message: string
  /** The safe form; SQL where it can be given. */
  readonly fix: string
  /** Absent where no table is harmed. */
  readonly table?: TableName | undefined
  readonly lock?: LockMode | undefined
  /** Where it differs from the rule's. */
  readonly harm?: Harm | undefined
  readonly why?: string | undefined
}

export interface Rule {
  readonly name: string
  readonly harm: Harm
  /** What it looks for, for docs/lint.md. */
  readonly summary: string
  readonly why: string
  /** Off unless the options name it. */
  readonly optIn?: boolean
  readonly bad: string
  readonly good: string
  readonly check: (context: LintContext) => readonly Violation[]
}

export interface Finding {
  readonly rule: string
  readonly severity: Severity
  readonly message: string
  readonly why: string
  readonly fix: string
  /** 1-based line in the file. */
  readonly line: number
  /** Bounded. */
  readonly statement: string
  readonly lock?: LockMode | undefined
  readonly table?: TableName | undefined
  /** What made the severity: '1.2 GB, 40 writes/s: about 24 s'. Absent without facts. */
  readonly scale?: string | undefined
  readonly suppressed?: { readonly reason: string } | undefined
}
