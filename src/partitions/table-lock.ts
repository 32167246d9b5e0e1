// One worker at a time on the partitions of a table: the daemon's jobs and the procedure pgstrata.maintain() take the same
// advisory lock, the one on its session, the other for its transaction, and neither waits for it.

import { lockClass } from '../catalog/install.ts'

/** A class of its own, next to that of structural work, whose objects are numbered one by one. */
const tableLockClass: number = lockClass + 1

/** An oid has 32 bits without a sign, an advisory lock's number has one. */
export function tableLockKey(tableOid: number): readonly [number, number] {
  return [tableLockClass, tableOid | 0]
}

/** The same key in SQL: the two arguments of pg_try_advisory_xact_lock. */
export function tableLockArguments(oid: string): string {
  return `${tableLockClass}, (${oid})::int8::bit(32)::int4`
}
