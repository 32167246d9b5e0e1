// What a scan by a candidate would cost, in the planner's units, where there is no hypothetical index to ask the planner about.
// Pure; the formulas are those of costsize.c for a bitmap scan, simplified: the pages of the table are read in order, each once.

import type { Candidate } from './candidate.ts'
import { estimateSizeBytes } from './candidate.ts'

export interface CostSettings {
  readonly randomPage: number
  readonly sequentialPage: number
  readonly tuple: number
  readonly indexTuple: number
  readonly operator: number
}

export function readCostSettings(of: Readonly<Record<string, string>>): CostSettings {
  const number = (name: string, otherwise: number): number => Number(of[name] ?? otherwise)
  return {
    randomPage: number('random_page_cost', 4),
    sequentialPage: number('seq_page_cost', 1),
    tuple: number('cpu_tuple_cost', 0.01),
    indexTuple: number('cpu_index_tuple_cost', 0.005),
    operator: number('cpu_operator_cost', 0.0025),
  }
}

const pageBytes = 8_192

export interface ScanDemand {
  /** The index is searched this often. */
  readonly times: number
  /** Of the rows found, how much is read before enough have come; 1: all. */
  readonly fraction: number
}

export function estimateScanCost(
  candidate: Candidate,
  settings: CostSettings,
  { times, fraction }: ScanDemand,
): number {
  const { table } = candidate.of
  const rows = table.rows ?? table.sizeBytes / 100
  const pages = Math.max(1, table.pages, table.sizeBytes / pageBytes)
  const found = Math.max(1, rows * candidate.selectivity * fraction)
  const partial = candidate.where === undefined ? 1 : Math.min(1, Math.max(candidate.selectivity, 0.001))
  const indexPages = Math.max(1, estimateSizeBytes(candidate) / pageBytes)
  const leaves = Math.max(1, indexPages * Math.min(1, found / Math.max(1, rows * partial)))
  const descent = Math.log2(Math.max(2, rows)) * settings.operator + 3 * 50 * settings.operator
  const order = candidate.keys[0]?.key.column?.stats?.correlation ?? 0
  const scattered = Math.min(pages, found)
  const together = Math.max(1, (found / Math.max(1, rows)) * pages)
  const heapPages = order * order * together + (1 - order * order) * scattered
  const eachPage =
    settings.randomPage - (settings.randomPage - settings.sequentialPage) * Math.sqrt(Math.min(1, heapPages / pages))
  const once =
    descent +
    settings.randomPage +
    (leaves - 1) * settings.sequentialPage +
    heapPages * eachPage +
    found * (settings.tuple + settings.indexTuple + 2 * settings.operator)
  if (candidate.method === 'brin')
    return (
      times * (indexPages * settings.randomPage + together * 1.5 * settings.sequentialPage + found * 2 * settings.tuple)
    )
  // A GIN index looks several entries up, and each row again in the table.
  return times * (candidate.method === 'btree' ? once : once * 1.5 + 3 * settings.randomPage)
}
