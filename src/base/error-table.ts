// The one table of errors: code → meaning, exit code of the command line, HTTP status, what to do.
// docs/errors.md is generated from it (`npm run docs`), so an entry here is the whole change.

import { alertErrors, type AlertErrorCode } from './error-table/alert.ts'
import { cacheErrors, type CacheErrorCode } from './error-table/cache.ts'
import { changeErrors, type ChangeErrorCode } from './error-table/change.ts'
import { databaseErrors, type DatabaseErrorCode } from './error-table/database.ts'
import type { ErrorEntry } from './error-table/entry.ts'
import { feedErrors, type FeedErrorCode } from './error-table/feed.ts'
import { generalErrors, type GeneralErrorCode } from './error-table/general.ts'
import { liveErrors, type LiveErrorCode } from './error-table/live.ts'
import { serverErrors, type ServerErrorCode } from './error-table/server.ts'
import { tierErrors, type TierErrorCode } from './error-table/tier.ts'
import { upkeepErrors, type UpkeepErrorCode } from './error-table/upkeep.ts'

export type { ErrorEntry } from './error-table/entry.ts'

export type ErrorCode =
  | GeneralErrorCode
  | DatabaseErrorCode
  | ChangeErrorCode
  | CacheErrorCode
  | FeedErrorCode
  | LiveErrorCode
  | ServerErrorCode
  | UpkeepErrorCode
  | TierErrorCode
  | AlertErrorCode

export const errorTable: Readonly<Record<ErrorCode, ErrorEntry>> = {
  ...generalErrors,
  ...databaseErrors,
  ...changeErrors,
  ...cacheErrors,
  ...feedErrors,
  ...liveErrors,
  ...serverErrors,
  ...upkeepErrors,
  ...tierErrors,
  ...alertErrors,
}
