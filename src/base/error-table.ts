// The one table of errors: code → meaning, exit code of the command line, HTTP status, what to do.
// docs/errors.md is generated from it (`npm run docs`), so an entry here is the whole change.

export interface ErrorEntry {
  /** One sentence: what is wrong, whatever the particulars. */
  readonly title: string
  /** Exit code of the command line. 0 is success and 2 is "there is something to do"; neither is an error. */
  readonly exit: number
  /** HTTP status where the error leaves through the server. */
  readonly status: number
  /** What a person does next. The throw site may say something more exact. */
  readonly advice: string
}

export type ErrorCode =
  | 'INTERNAL'
  | 'USAGE'
  | 'CONFIG_NOT_FOUND'
  | 'CONFIG_UNREADABLE'
  | 'CONFIG_INVALID'
  | 'IDENTIFIER_INVALID'
  | 'VALUE_INVALID'
  | 'SQL_SYNTAX'
  | 'DATABASE_UNREACHABLE'
  | 'DATABASE_TOO_OLD'
  | 'DATABASE_IS_REPLICA'
  | 'DATABASE_READ_ONLY'
  | 'DATABASE_PRIVILEGE'
  | 'DATABASE_POOLER'
  | 'DATABASE_FULL'
  | 'DATABASE_LOST'
  | 'MIGRATION_INVALID'
  | 'MIGRATION_EDITED'
  | 'MIGRATION_MISSING'
  | 'MIGRATION_ORDER'
  | 'MIGRATION_UNKNOWN'
  | 'MIGRATION_IRREVERSIBLE'
  | 'MIGRATION_UNFINISHED'
  | 'MIGRATION_FAILED'
  | 'MIGRATION_LINT'
  | 'MIGRATION_VERIFY'
  | 'BACKFILL_FAILED'
  | 'LOCK_BUSY'
  | 'LOCK_TIMEOUT'
  | 'PLAN_DRIFT'
  | 'PLAN_CHANGED'
  | 'APPLY_FAILED'
  | 'SCHEMA_NEWER'
  | 'SCHEMA_CHANGING'
  | 'DEPENDENCY_MISSING'
  | 'EMBEDDED_FAILED'
  | 'FILE_EXISTS'
  | 'INTERRUPTED'

const usage = { exit: 3, status: 400 }
const database = { exit: 4, status: 503 }
const refused = { exit: 5, status: 409 }
const failed = { exit: 6, status: 500 }
const busy = { exit: 7, status: 409 }
const environment = { exit: 8, status: 500 }

export const errorTable: Readonly<Record<ErrorCode, ErrorEntry>> = {
  INTERNAL: {
    title: 'Something happened that the code holds to be impossible.',
    exit: 1,
    status: 500,
    advice: 'Please report it with the stack; `--verbose` prints it.',
  },
  USAGE: { ...usage, title: 'The command line was not understood.', advice: 'See `pgstrata --help`.' },
  CONFIG_NOT_FOUND: {
    ...usage,
    title: 'There is no configuration file.',
    advice: 'Run `pgstrata init`, or name the file with `--config`.',
  },
  CONFIG_UNREADABLE: {
    ...usage,
    title: 'The configuration file could not be evaluated.',
    advice: 'Mend the file; the message carries the place.',
  },
  CONFIG_INVALID: {
    ...usage,
    title: 'The configuration says something it may not say.',
    advice: 'Mend the paths named; docs/config.md lists every key.',
  },
  IDENTIFIER_INVALID: {
    ...usage,
    title: 'A name cannot be a PostgreSQL identifier.',
    advice: 'Use 1 to 63 bytes without a NUL byte, and pass a schema and a name as two parts.',
  },
  VALUE_INVALID: {
    ...usage,
    title: 'A value does not have the form it must have.',
    advice: 'See what was expected.',
  },
  SQL_SYNTAX: {
    ...usage,
    title: 'A statement does not parse.',
    advice: 'Mend the statement at the line and column named.',
  },
  DATABASE_UNREACHABLE: {
    ...database,
    title: 'No connection to the database could be made.',
    advice:
      'Check that the server runs, that host, port, user and password are right, and that a firewall lets you pass.',
  },
  DATABASE_TOO_OLD: {
    ...database,
    title: 'The server is older than PostgreSQL 15.',
    advice: 'Upgrade the server: PostgreSQL 15 to 18 are supported.',
  },
  DATABASE_IS_REPLICA: {
    ...database,
    title: 'The server is a replica; it takes no changes.',
    advice: 'Point `database.primary` at the primary.',
  },
  DATABASE_READ_ONLY: {
    ...database,
    title: 'The database only takes reads.',
    advice: 'Reset default_transaction_read_only for this role and database, or use another role.',
  },
  DATABASE_PRIVILEGE: {
    ...database,
    title: 'The role lacks a privilege it needs.',
    advice: 'Grant what the message names, or connect as a role that has it.',
  },
  DATABASE_POOLER: {
    ...database,
    title: 'A pooler in transaction mode stands between us and the server.',
    advice: 'Give the direct address of the server as `database.direct`.',
  },
  DATABASE_FULL: {
    ...database,
    title: 'The server has no space left.',
    advice: 'Free or add disk space on the server, then run the command again: it goes on where it stopped.',
  },
  DATABASE_LOST: {
    ...database,
    title: 'The connection was lost in the middle of the work.',
    advice: 'Run the command again: it looks at what is there and goes on.',
  },
  MIGRATION_INVALID: {
    ...refused,
    title: 'A migration file cannot be used as it is.',
    advice: 'Mend the file named.',
  },
  MIGRATION_EDITED: {
    ...refused,
    title: 'A migration was edited after it had been applied.',
    advice:
      'Restore the file as it was applied and put the change into a new migration; or, if the edit is meant, accept it with `pgstrata migrate accept <name>`.',
  },
  MIGRATION_MISSING: {
    ...refused,
    title: 'A migration that was applied has no file any more.',
    advice: 'Restore the file (the database keeps its text: `pgstrata migrate show <name>`).',
  },
  MIGRATION_ORDER: {
    ...refused,
    title: 'The order of the migrations conflicts.',
    advice:
      'Rename the newer file to a later version, or run with `--allow-out-of-order` if it does not depend on what came after.',
  },
  MIGRATION_UNKNOWN: {
    ...refused,
    title: 'There is no migration of that name.',
    advice: 'See `pgstrata migrate status` for the names.',
  },
  MIGRATION_IRREVERSIBLE: {
    ...refused,
    title: 'A migration has no way down.',
    advice: 'Add a `-- down` part (or an exported `down`), or write a new migration that undoes it.',
  },
  MIGRATION_UNFINISHED: {
    ...refused,
    title: 'A migration stopped half-way and its file has changed since.',
    advice:
      'The statements already carried out must stay as they were; change only what comes after them, or restore the file.',
  },
  MIGRATION_FAILED: {
    ...failed,
    title: 'A statement of a migration failed.',
    advice: 'Mend the migration and run the command again: statements that were carried out are not repeated.',
  },
  MIGRATION_LINT: {
    ...refused,
    title: 'A migration would do harm on the live database.',
    advice: 'Follow the safe form each finding gives, or accept it with `-- lint: allow <rule> because <reason>`.',
  },
  MIGRATION_VERIFY: {
    ...failed,
    title: 'A migration does not come back as it went.',
    advice: 'Mend the `down` part so that up, down, up ends where one up ends.',
  },
  BACKFILL_FAILED: {
    ...failed,
    title: 'A backfill stopped.',
    advice: 'Run it again: it goes on after the last batch that was committed.',
  },
  LOCK_BUSY: {
    ...busy,
    title: 'Another runner holds the lock.',
    advice: 'Wait for it to finish, or let `migrations.wait` be longer.',
  },
  LOCK_TIMEOUT: {
    ...busy,
    title: 'A lock was not to be had within all attempts.',
    advice: 'Look for the transaction that holds it (the message names it), or run at a quieter time.',
  },
  PLAN_DRIFT: {
    ...refused,
    title: 'An object is not as it was left: somebody changed it by hand.',
    advice:
      'Look at the difference; `pgstrata apply --accept <object>` takes the change as it is, `--overwrite <object>` undoes it.',
  },
  PLAN_CHANGED: {
    ...refused,
    title: 'The database changed between planning and applying.',
    advice: 'Run `pgstrata plan` again.',
  },
  APPLY_FAILED: {
    ...failed,
    title: 'A step of the plan failed.',
    advice: 'Run `pgstrata apply` again when the cause is gone: finished steps are not repeated.',
  },
  SCHEMA_NEWER: {
    ...refused,
    title: 'Schema "pgstrata" was made by a newer version of pgstrata.',
    advice: 'Upgrade the npm package.',
  },
  SCHEMA_CHANGING: {
    ...busy,
    title: 'The schema was changed while it was read.',
    advice: 'Run the command again when no migration is under way.',
  },
  DEPENDENCY_MISSING: {
    ...environment,
    title: 'An optional package is needed here and is not installed.',
    advice: 'Install it with the command named.',
  },
  EMBEDDED_FAILED: {
    ...environment,
    title: 'The embedded cluster did not come up.',
    advice: 'The last lines of its log say why.',
  },
  FILE_EXISTS: {
    ...refused,
    title: 'A file that would be written is already there.',
    advice: 'Move it away, or name another.',
  },
  INTERRUPTED: {
    exit: 130,
    status: 499,
    title: 'The command was interrupted.',
    advice: 'Run it again to go on.',
  },
}
