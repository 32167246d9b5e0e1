// `warm` and `cold` of a table in a configuration: as a schema, what is wrong between them and the table's other keys, and what
// tiers work with, nothing left to a default.

import { z } from 'zod'
import { parseSizeBytes } from '../base/units.ts'
import type { PartitionedTable } from '../partitions/index.ts'
import {
  strengths,
  tierConsents,
  type Cold,
  type Rule,
  type SegmentOrder,
  type TieredTable,
  type Warm,
} from '../tiers/index.ts'
import { resolveStore, storePlace } from './archive.ts'
import { indexesSchema, resolveIndexes } from './table-indexes.ts'
import type { ColdConfig, TableConfig, TierAge, WarmConfig } from './table-types.ts'
import { graceSuchAs, identifier, sizeFrom, span } from './values.ts'

const age = z
  .union([span, z.strictObject({ count: z.int().min(1).max(4_000).describe('How many newer partitions have begun.') })])
  .meta({ title: 'span or `{ count }`' })

const size = sizeFrom(0, Number.MAX_SAFE_INTEGER, 'a size')

const leastRows = 100
const mostRows = 1_000

export const warmSchema: z.ZodType<WarmConfig> = z.strictObject({
  after: age
    .optional()
    .describe(
      "A partition is due when its end is that old: '30 days'; or when that many newer ones have begun: `{ count: 3 }`.",
    ),
  over: size
    .optional()
    .describe("Or, the oldest first, while partitions that are ordinary ones take more than that: '50 GB'."),
  unread: span
    .optional()
    .describe('Or once nobody has read it for that long, where the server counts that (PostgreSQL 16 and newer).'),
  strength: z
    .enum(strengths)
    .optional()
    .describe(
      '`packed` (the default): into segments of columns. `slim`: an ordinary table, rewritten in order, with `indexes` of its own.',
    ),
  segmentBy: z
    .array(identifier)
    .max(8)
    .optional()
    .describe('Columns whose values the rows of a segment share: what rows are mostly looked for by. Default: none.'),
  orderBy: z
    .array(z.string().regex(/^\S.*$/))
    .max(8)
    .optional()
    .describe("How rows are ordered within that: `['played_at desc']`. Default: by the partition's column."),
  rows: z.int().min(leastRows).max(mostRows).optional().describe('Of a segment, at most. Default 1,000.'),
  indexes: indexesSchema.optional().describe('Of a slim partition, instead of those of `indexes` of the table.'),
  accept: z
    .array(z.enum(tierConsents))
    .optional()
    .describe(
      'What may be given up; `unenforced-references`: foreign keys of the table are not enforced for packed rows.',
    ),
})

export const coldSchema: z.ZodType<ColdConfig> = z.strictObject({
  after: age.describe('When a partition goes to the archive, as `warm.after` says it.'),
  grace: graceSuchAs('7 days')
    .optional()
    .describe("How long it stays readable here after its archive was proven. Default '7 days'."),
  to: storePlace.optional().describe('Another store than `archive.to`.'),
})

type Tell = (path: readonly (string | number)[], message: string) => void

/** What is wrong with the tiers of one table, which has partitions by time or by ids with the column `axis`. */
export function checkTiers(one: TableConfig, axis: string | undefined, tell: Tell): void {
  const { warm, cold } = one
  if (warm !== undefined) checkWarm(warm, axis, tell)
  if (warm?.after !== undefined && cold !== undefined && isNotLonger(cold.after, warm.after)) {
    tell(['cold', 'after'], `expected more than \`warm.after\`, got ${words(cold.after)}`)
  }
  if ((warm !== undefined || cold !== undefined) && one.expire !== undefined) {
    tell(['expire'], 'expected nothing beside `warm` and `cold`: rows that have moved are not looked at')
  }
  if (cold === undefined || one.retain === undefined) return
  const retain = typeof one.retain === 'string' ? { for: one.retain } : one.retain
  const { for: kept, count, archive } = { count: undefined, archive: undefined, ...retain }
  const keeps: TierAge | undefined = count === undefined ? kept : { count }
  if (keeps !== undefined && isNotLonger(keeps, cold.after)) {
    tell(
      ['retain'],
      `expected more than \`cold.after\`, got ${words(keeps)}: rows would be dropped before they are archived`,
    )
  }
  if (archive !== undefined)
    tell(['retain', 'archive'], 'expected nothing beside `cold`, which archives partitions itself')
}

function checkWarm(warm: WarmConfig, axis: string | undefined, tell: Tell): void {
  const { strength = 'packed', segmentBy = [], orderBy = [] } = warm
  const foreign = strength === 'packed' ? (['indexes'] as const) : (['rows', 'accept'] as const)
  for (const key of foreign) {
    if (warm[key] !== undefined) tell(['warm', key], `expected nothing: it means nothing with strength '${strength}'`)
  }
  const seen = new Set<string>()
  const columns = [
    ...segmentBy.map((column, index) => ({ column, path: ['warm', 'segmentBy', index] })),
    ...orderBy.map((written, index) => ({ column: orderOf(written).column, path: ['warm', 'orderBy', index] })),
  ]
  for (const { column, path } of columns) {
    if (seen.has(column)) tell(path, `expected each column once, got "${column}" again`)
    seen.add(column)
  }
  segmentBy.forEach((column, index) => {
    if (column !== axis) return
    tell(['warm', 'segmentBy', index], `expected another column than "${column}", by which the partitions go`)
  })
}

const unitHours: Readonly<Record<string, number>> = { hour: 1, day: 24, week: 168, month: 730.5, year: 8_766 }

/** False where it cannot be told: an age and a count. */
function isNotLonger(left: TierAge, right: TierAge): boolean {
  if (typeof left === 'string' && typeof right === 'string') return hoursOf(left) <= hoursOf(right)
  return typeof left === 'object' && typeof right === 'object' && left.count <= right.count
}

function hoursOf(written: string): number {
  const [count = '0', unit = ''] = written.split(' ')
  return Number(count) * (unitHours[unit.replace(/s$/, '')] ?? 0)
}

function words(rule: TierAge): string {
  return typeof rule === 'string' ? `"${rule}"` : `a count of ${rule.count}`
}

function orderOf(written: string): SegmentOrder {
  const [, column = written, direction] = /^(.*?)\s+(asc|desc)$/i.exec(written.trim()) ?? []
  return { column: column.trim(), descending: direction?.toLowerCase() === 'desc' }
}

export interface Fault {
  readonly path: readonly string[]
  readonly message: string
}

/** What is wrong between tables and the rest of the configuration. */
export function findTierFaults(tables: Readonly<Record<string, TableConfig>>, archive: unknown): readonly Fault[] {
  if (archive !== undefined) return []
  return Object.entries(tables)
    .filter(([, { cold }]) => cold !== undefined)
    .map(([key]) => ({ path: ['tables', key, 'cold'], message: 'expected `archive.to`, where archives are put' }))
}

/** Undefined: the table has no tiers. */
export function resolveTiers(one: TableConfig, partitioned: PartitionedTable, root: string): TieredTable | undefined {
  const { warm, cold } = one
  if (warm === undefined && cold === undefined) return undefined
  return {
    partitioned,
    warm: warm === undefined ? undefined : resolveWarm(warm, partitioned),
    cold: cold === undefined ? undefined : resolveCold(cold, root),
  }
}

function resolveWarm(warm: WarmConfig, { layout }: PartitionedTable): Warm {
  const { orderBy = [] } = warm
  return {
    due: warm.after === undefined ? undefined : ruleOf(warm.after),
    overBytes: warm.over === undefined ? undefined : parseSizeBytes(warm.over),
    unread: warm.unread,
    strength: warm.strength ?? 'packed',
    segmentBy: warm.segmentBy ?? [],
    orderBy: orderBy.length === 0 ? [{ column: layout.column, descending: false }] : orderBy.map(orderOf),
    rows: warm.rows ?? mostRows,
    indexes: resolveIndexes(warm.indexes),
    accept: warm.accept ?? [],
  }
}

function resolveCold(cold: ColdConfig, root: string): Cold {
  return {
    due: ruleOf(cold.after),
    grace: cold.grace ?? '7 days',
    to: cold.to === undefined ? undefined : resolveStore(cold.to, root),
  }
}

function ruleOf(written: TierAge): Rule {
  return typeof written === 'string' ? { age: written } : written
}
