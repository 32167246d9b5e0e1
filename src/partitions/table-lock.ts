// One worker at a time on the partitions of a table: a conversion, the daemon's jobs and the procedure pgstrata.maintain() take
// the same advisory lock, the procedure for its transaction, the others on their session.

import { tableLockClass } from '../catalog/install.ts'

/** An oid has 32 bits without a sign, an advisory lock's number has one. */
export function tableLockKey(tableOid: number): readonly [number, number] {
  return [tableLockClass, tableOid | 0]
}

/** The same key in SQL: the two arguments of pg_try_advisory_xact_lock. */
export function tableLockArguments(oid: string): string {
  return `${tableLockClass}, (${oid})::int8::bit(32)::int4`
}
