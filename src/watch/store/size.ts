// How large the store can get: an estimate, from how many rows are written. Bytes of a row were measured once, on PostgreSQL 18 with
// names of usual length, and a third was added; labels twice as long make rows of metrics a quarter longer. How large it is now,
// readStoreBytes() asks.

/** Rows of a day, and different series, statements or waits of an hour, all nodes together. */
export interface StoreLoad {
  readonly rowsPerDay: Readonly<Record<StoredKind, number>>
  readonly keysPerHour: Readonly<Record<StoredKind, number>>
}

export type StoredKind = 'metric' | 'statement' | 'session' | 'call'

/** With what is left of updated and deleted rows until autovacuum has been there, and indexes. */
export const bytesPerRow: Readonly<Record<StoredKind, { readonly raw: number; readonly hourly: number }>> = {
  metric: { raw: 180, hourly: 880 },
  statement: { raw: 190, hourly: 780 },
  session: { raw: 130, hourly: 490 },
  call: { raw: 130, hourly: 490 },
}

/** Tables of nothing, their partitions ahead, what waits to be merged, and texts: 10,000 of at most 2,000 characters. */
const constantBytes = 64 * 1024 ** 2

/** A day goes as a whole, when its last row is old enough. */
const partitionDays = 1

export interface StoreDays {
  readonly raw: number
  readonly calls: number
  readonly hours: number
}

export function mostStoreBytes({ rowsPerDay, keysPerHour }: StoreLoad, days: StoreDays): number {
  const kinds = Object.keys(bytesPerRow) as StoredKind[]
  return kinds.reduce((sum, kind) => {
    const { raw, hourly } = bytesPerRow[kind]
    const rawDays = (kind === 'call' ? Math.min(days.calls, days.raw) : days.raw) + partitionDays
    return sum + rowsPerDay[kind] * raw * rawDays + keysPerHour[kind] * 24 * hourly * days.hours
  }, constantBytes)
}
