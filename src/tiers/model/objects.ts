// The names of all that is made for tiers. What is ours goes by numbers, in schema "pgstrata"; what applications read stands in
// the table's schema and goes by the table's name.

import { cutName, looseName, unpackedName } from '../../catalog/tiered.ts'

export { readerNames } from '../../catalog/tiered.ts'

/** In schema "pgstrata", of table number `id`. */
export interface TableObjects {
  /** Rows that were taken out of their segments, partitioned by pack. */
  readonly loose: string
  /** All that is not in the table itself. */
  readonly unpacked: string
  /** Of an interval: rows that are not in the table itself; and all of them, where most intervals have none of those. */
  readonly moved: string
  readonly cut: string
  /** Functions of the history's triggers. */
  readonly insert: string
  readonly update: string
  readonly delete: string
}

export function tableObjects(id: number): TableObjects {
  const own = `tier_${id}`
  return {
    loose: looseName(id),
    unpacked: unpackedName(id),
    moved: `${own}_moved`,
    cut: cutName(id),
    insert: `${own}_insert`,
    update: `${own}_update`,
    delete: `${own}_delete`,
  }
}

/** In schema "pgstrata", of one pack. */
export interface PackObjects {
  readonly segments: string
  readonly words: string
  readonly rows: string
  readonly take: string
  readonly key: string
  /** Rows that came late, for snapshots that are older than its swap. */
  readonly late: string
  readonly lateRows: string
}

export function packObjectNames(id: bigint): PackObjects {
  const own = `pack_${id}`
  return {
    segments: own,
    words: `${own}_word`,
    rows: `${own}_rows`,
    take: `${own}_take`,
    key: `${own}_key`,
    late: `${own}_late`,
    lateRows: `${own}_late_row`,
  }
}

/** The partition of loose rows of one pack, in schema "pgstrata". */
export function loosePartition(id: number, pack: bigint): string {
  return `${looseName(id)}_${pack}`
}

/** In schema "pgstrata", of one partition while it is moved; `id`: that of its row. */
export interface GuardObjects {
  /** Rows that came late. */
  readonly late: string
  readonly note: string
  readonly rowTrigger: string
  readonly truncateTrigger: string
}

export function guardObjects(id: bigint): GuardObjects {
  return {
    late: `late_${id}`,
    note: `late_${id}_note`,
    rowTrigger: 'pgstrata_guard',
    truncateTrigger: 'pgstrata_guard_truncate',
  }
}

/** The trigger of a packed partition that refuses late rows whose key is packed. */
export const packedKeyTrigger = 'pgstrata_packed_key'
