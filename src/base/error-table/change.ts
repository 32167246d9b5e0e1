// Changes of the schema: migrations, plans, locks.

import { busy, failed, refused, type ErrorEntry } from './entry.ts'

export type ChangeErrorCode =
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
  | 'DEPLOY_REFUSED'
  | 'SCHEMA_NEWER'
  | 'SCHEMA_CHANGING'

export const changeErrors: Readonly<Record<ChangeErrorCode, ErrorEntry>> = {
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
  DEPLOY_REFUSED: {
    ...refused,
    title: 'Something stands in the way of a deployment.',
    advice: 'See to what is named, and run `pgstrata deploy` again. Nothing was changed.',
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
}
