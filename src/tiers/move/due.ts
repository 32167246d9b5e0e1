// What is to be done with each partition of a table next: what is under way goes on, what a person asked for comes before what the
// declaration says, and the oldest come first. Pure.

import type { TieredTable } from '../model/options.ts'
import type { TierPartition } from '../model/record.ts'
import { follow, isResting, type Move } from '../model/states.ts'

/** A partition, with all that a policy asks. */
export interface PartitionReading {
  readonly record: TierPartition
  /** Holds, or can hold, what is written now or later. */
  readonly isAhead: boolean
  /** Its end is as old as `warm` says. */
  readonly isWarmDue: boolean
  /** Its end is as old as `cold` says. */
  readonly isColdDue: boolean
  /** Nobody has read it for as long as `warm.unread` says. */
  readonly isUnread: boolean
  /** What its tables take, with their indexes. */
  readonly heapBytes: number
  /** Rows that are not packed, without indexes, for those of an empty table are not: of a packed one, what came late or was changed. */
  readonly unpackedBytes: number
  /** It failed, or was disturbed, a moment ago. */
  readonly isResting: boolean
  /** Of an archived one: it may be dropped. */
  readonly isGraceOver: boolean
}

export interface DueMove {
  readonly record: TierPartition
  /** Undefined: what is under way goes on. */
  readonly move: Move | undefined
}

/** From this share on of what it took when it was hot, what came late or was changed is packed as well. */
const repackShare = 0.1

/** `partitions`: oldest first. */
export function planMoves(table: TieredTable, partitions: readonly PartitionReading[]): readonly DueMove[] {
  const tooMuch = overflowing(table, partitions)
  return partitions.flatMap((reading): readonly DueMove[] => {
    const { record } = reading
    if (!isResting(record.state) && record.state !== 'archived') {
      return reading.isResting ? [] : [{ record, move: undefined }]
    }
    const move = wantedOf(table, reading, tooMuch.has(record.id))
    return move === undefined || follow(record, move) === null ? [] : [{ record, move }]
  })
}

function wantedOf(table: TieredTable, reading: PartitionReading, isTooMuch: boolean): Move | undefined {
  const { record, isAhead } = reading
  const { request, requestBy } = record
  // One that has been carried out as far as it goes stays noted until the partition is at rest.
  if (requestBy === 'person' && request !== null && follow(record, request) !== null) return request
  if (reading.isResting) return undefined
  // Where `cold` is not declared, or not any more, a person says whether it goes.
  if (record.state === 'archived') return table.cold !== undefined && reading.isGraceOver ? 'drop' : undefined
  if (isAhead || record.held || record.state === 'cold') return undefined
  if (table.cold !== undefined && reading.isColdDue) return 'archive'
  if (table.warm === undefined) return undefined
  const { strength } = table.warm
  // Of an empty one nothing would be saved, and each pack costs queries a little.
  const isDue = (reading.isWarmDue || reading.isUnread || isTooMuch) && reading.unpackedBytes > 0
  if (record.state === 'hot') return isDue ? (strength === 'packed' ? 'pack' : 'slim') : undefined
  if (record.state === 'slim') return isDue && strength === 'packed' ? 'pack' : undefined
  return isWorthRepacking(reading) ? 'pack' : undefined
}

function isWorthRepacking({ record, unpackedBytes }: PartitionReading): boolean {
  return unpackedBytes > 0 && unpackedBytes >= (record.heapBytes ?? 0) * repackShare
}

/** The oldest ordinary partitions that have to go so that the rest takes no more than is allowed. */
function overflowing({ warm }: TieredTable, partitions: readonly PartitionReading[]): ReadonlySet<bigint> {
  const found = new Set<bigint>()
  if (warm?.overBytes === undefined) return found
  const ordinary = partitions.filter(({ record }) => record.state === 'hot')
  let bytes = ordinary.reduce((sum, { heapBytes }) => sum + heapBytes, 0)
  for (const { record, heapBytes, isAhead } of ordinary) {
    if (bytes <= warm.overBytes) break
    if (isAhead) continue
    found.add(record.id)
    bytes -= heapBytes
  }
  return found
}
