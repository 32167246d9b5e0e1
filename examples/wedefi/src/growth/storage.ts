// How much there is of a table, and where: rows and bytes in the table, packed, and in the archive.

import type { Strata } from 'pgstrata'
import { movedTables, type MovedTable } from './moves.ts'

export interface Storage {
  readonly rows: number
  readonly hotBytes: number
  readonly warmBytes: number
  readonly coldBytes: number
}

export async function readStorage(strata: Strata): Promise<Readonly<Record<MovedTable, Storage>>> {
  const found: Partial<Record<MovedTable, Storage>> = {}
  for (const table of movedTables) found[table] = await readOne(strata, table)
  return found as Record<MovedTable, Storage>
}

/** What is in the archive and not dropped yet is in both. */
async function readOne({ tiers }: Strata, table: MovedTable): Promise<Storage> {
  const [status] = await tiers.status(table)
  const sum = { hotBytes: 0, warmBytes: 0, coldBytes: 0 }
  for (const { tier, sizeBytes, archiveBytes } of status?.partitions ?? []) {
    if (tier === 'packed') sum.warmBytes += sizeBytes
    else sum.hotBytes += sizeBytes
    sum.coldBytes += archiveBytes ?? 0
  }
  return { rows: await tiers.reader(table).count(), ...sum }
}

export function addUp(parts: readonly Storage[]): Storage {
  const total = (of: (storage: Storage) => number): number => parts.reduce((sum, part) => sum + of(part), 0)
  return {
    rows: total(({ rows }) => rows),
    hotBytes: total(({ hotBytes }) => hotBytes),
    warmBytes: total(({ warmBytes }) => warmBytes),
    coldBytes: total(({ coldBytes }) => coldBytes),
  }
}
