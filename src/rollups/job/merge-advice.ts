// What to do about a merge that fails, by what the server says.

import { isStrataError } from '../../base/errors.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'

const advice: Readonly<Record<string, string>> = {
  [sqlstate.numericValueOutOfRange]:
    'a number of it no longer fits its type: measure it as numeric (`x::numeric`), and apply',
  [sqlstate.programLimitExceeded]: 'a key or a value is too long for an index: take md5(…) of it, and apply',
  [sqlstate.lockNotAvailable]: 'somebody merges or rebuilds it, or holds its tables: see pg_locks',
  [sqlstate.diskFull]: 'the disk of the server is full: make room; nothing is lost meanwhile',
  [sqlstate.insufficientPrivilege]: 'run the job as the owner of the table',
  [sqlstate.undefinedTable]: 'something of it was dropped: run `pgstrata plan`',
  [sqlstate.undefinedColumn]: 'something of it was changed: run `pgstrata plan`',
  [sqlstate.undefinedFunction]: 'something that its expressions call was dropped: make it again',
}

export function adviceOnMerge(error: unknown): string {
  const known = advice[sqlstateOf(error) ?? '']
  if (known !== undefined) return known
  if (isStrataError(error) && error.advice !== undefined) return error.advice
  return 'see to what it says; nothing is lost meanwhile, and reads stay exact'
}
