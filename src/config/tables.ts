// `tables` of a configuration, as types and as a schema: how each table is laid out in time and space, how long its rows
// live, and which of them expire. What is wrong between two keys is told at the key that has to change.

import { z } from 'zod'
import type { Cleanup } from '../maintain/index.ts'
import { consents, grains, type ArchiveHook, type PartitionedTable } from '../partitions/index.ts'
import type { TieredTable } from '../tiers/index.ts'
import { checkTable } from './table-checks.ts'
import { indexesSchema } from './table-indexes.ts'
import { placeOf, resolveTable } from './table-resolve.ts'
import type { IdConfig, ParsedTables } from './table-types.ts'
import { coldSchema, resolveTiers, warmSchema } from './tiers.ts'
import { duration, graceSuchAs, identifier as name, setting, span, sqlText } from './values.ts'

const largestStep = 9_223_372_036_854_775_807n

// JSON Schema has no bigint.
const every: z.ZodType<IdConfig['every']> = z
  .any()
  .check((context) => {
    const { value } = context
    if (typeof value === 'bigint' ? value >= 1n && value <= largestStep : Number.isSafeInteger(value) && value >= 1)
      return
    const message = 'expected a whole number from 1 on, beyond 9,007,199,254,740,991 a bigint'
    context.issues.push({ code: 'custom', message, input: '', continue: true })
  })
  .meta({ title: 'number or bigint' })

const grain = z.enum(grains)
const hash = z
  .strictObject({
    hash: name.describe('The column whose hash says where a row goes.'),
    into: z.int().min(2).max(1_024).describe('Into how many partitions.'),
  })
  .meta({ title: '`{ hash, into }`' })
const id = z
  .strictObject({
    id: name.describe('The column of a number that grows.'),
    every: every.describe('How many ids one partition holds.'),
  })
  .meta({ title: '`{ id, every }`' })

// A schema that JSON Schema can show, from which the documentation is made.
const archive: z.ZodType<ArchiveHook> = z
  .any()
  .check((context) => {
    if (typeof context.value === 'function') return
    context.issues.push({ code: 'custom', message: `expected a function, got ${typeof context.value}`, input: '' })
  })
  .meta({ title: 'function' })

const retain = z.strictObject({
  for: span.optional().describe("How long rows are kept: a partition goes when all of it is older. '90 days'."),
  count: z.int().min(1).max(4_000).optional().describe('Or: how many partitions that have begun are kept.'),
  grace: graceSuchAs('1 day')
    .optional()
    .describe("How long a partition stands apart, as a table of its own, before it is dropped. Default '1 day'."),
  finally: z
    .enum(['drop', 'keep'])
    .optional()
    .describe('What becomes of it after that. `keep`: it stays a table of its own. Default `drop`.'),
  archive: archive
    .optional()
    .describe('Called before a partition is dropped, until it resolves: `async (partition, tools) => …`.'),
})

const table = z
  .strictObject({
    table: z
      .union([name, z.tuple([name, name])])
      .optional()
      .describe("Its name, or `['schema', 'table']`; otherwise its key, in schema public."),
    time: name.optional().describe('The column of time: timestamptz, timestamp, date, or uuid of version 7.'),
    partition: z
      .union([grain, hash, id, z.tuple([z.union([grain, id]), hash])])
      .optional()
      .describe(
        "`'month'` (or hour, day, week, quarter, year) of `time`; `{ id: 'id', every: 10_000_000 }`; `{ hash: 'wallet_id', into: 8 }`; or periods that are divided again: `['month', { hash: 'wallet_id', into: 4 }]`.",
      ),
    ahead: z
      .int()
      .min(0)
      .max(1_000)
      .optional()
      .describe(
        'Periods that are there before they begin. Default: hour 24, day 7, week 4, month 3, quarter 2, year 1, ids 2.',
      ),
    from: z
      .union([z.string(), z.int()])
      .optional()
      .describe(
        "Where partitions begin: '2024-01-01', or an id. Otherwise with the period of now, or of the largest id.",
      ),
    zone: z.string().optional().describe('Time zone in which days begin. Hours are always UTC. Default UTC.'),
    retain: z
      .union([span, retain])
      .optional()
      .describe("How long rows are kept: '90 days', or an object. Otherwise for ever."),
    names: z.string().optional().describe("Names of partitions. Default '{table}_{period}'."),
    outside: z
      .enum(['refuse', 'default'])
      .optional()
      .describe(
        'Rows outside of every period: refused (the default), or taken by a default partition that is watched.',
      ),
    indexes: indexesSchema
      .optional()
      .describe("Indexes of each partition, by the end of their names: `{ by_song: 'song_id, played_at desc' }`."),
    brin: z.boolean().optional().describe('A BRIN index on `time`, where rows stand in its order.'),
    storage: z
      .record(z.string().regex(/^(toast\.)?[a-z_]+$/, 'expected the name of a storage setting'), setting)
      .optional()
      .describe('Storage settings of each partition: `{ fillfactor: 90, autovacuum_vacuum_scale_factor: 0.02 }`.'),
    statistics: z.record(name, z.int().min(-1).max(10_000)).optional().describe('Statistics targets by column.'),
    accept: z
      .array(z.enum(consents))
      .optional()
      .describe('What may be given up to partition the table; see docs/converting.md.'),
    warm: warmSchema.optional().describe('When partitions are packed, or rewritten, and how; see docs/tiers.md.'),
    cold: coldSchema.optional().describe('When partitions go to the `archive`, and are dropped here.'),
    expire: z
      .union([
        sqlText,
        z.strictObject({
          where: sqlText.describe('Which rows may go.'),
          every: duration.optional().describe("How often they are looked for. Default '5 min'."),
          batch: z.int().min(1).max(100_000).optional().describe('Rows that are deleted at once. Default 1,000.'),
        }),
      ])
      .optional()
      .describe("Rows that may be deleted, as a condition: 'expires_at < now()'."),
  })
  .check(checkTable)

export const tablesSchema: z.ZodType<ParsedTables> = z.record(name, table).check((context) => {
  const seen = new Map<string, string>()
  for (const [key, one] of Object.entries(context.value)) {
    const place = JSON.stringify(placeOf(key, one))
    const other = seen.get(place)
    seen.set(place, key)
    if (other === undefined) continue
    const message = `expected a table that is declared once; it is declared as "${other}" too`
    context.issues.push({ code: 'custom', message, input: key, path: [key], continue: true })
  }
})

export interface ResolvedTables {
  readonly tables: readonly PartitionedTable[]
  readonly cleanups: readonly Cleanup[]
  readonly tiered: readonly TieredTable[]
}

/** `root`: where the paths of folders start. */
export function resolveTables(written: ParsedTables, root: string): ResolvedTables {
  const resolved = Object.entries(written).map(([key, one]) => ({ one, ...resolveTable(key, one) }))
  return {
    tables: resolved.flatMap(({ table: one }) => one ?? []),
    cleanups: resolved.flatMap(({ cleanup }) => cleanup ?? []),
    tiered: resolved.flatMap(({ one, table: laidOut }) =>
      laidOut === undefined ? [] : (resolveTiers(one, laidOut, root) ?? []),
    ),
  }
}
