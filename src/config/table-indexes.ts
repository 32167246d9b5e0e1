// Indexes of partitions by their names, as a schema, and as partitions work with them.

import { z } from 'zod'
import type { PartitionIndex } from '../partitions/index.ts'
import type { IndexConfig } from './table-types.ts'
import { identifier, setting, sqlText } from './values.ts'

const index = z.strictObject({
  on: sqlText.describe("What stands between the parentheses: 'song_id, played_at desc'."),
  unique: z.boolean().optional().describe('Unique within each partition.'),
  method: z
    .string()
    .regex(/^[a-z_][a-z0-9_]*$/)
    .optional()
    .describe('btree (the default), hash, gin, gist, brin, …'),
  where: sqlText.optional().describe('Of a partial index.'),
  include: z.array(identifier).optional().describe('Columns that the index carries along.'),
  with: z
    .record(z.string().regex(/^[a-z_]+$/), setting)
    .optional()
    .describe('Its storage settings.'),
})

export const indexesSchema: z.ZodRecord<z.ZodString, z.ZodType<string | IndexConfig>> = z.record(
  z.string().regex(/^[a-z0-9_]{1,40}$/i, 'expected letters, digits and _, at most 40'),
  z.union([sqlText, index]),
)

export function resolveIndexes(
  written: Readonly<Record<string, string | IndexConfig>> | undefined,
): readonly PartitionIndex[] {
  return Object.entries(written ?? {}).map(([name, said]) => resolveIndex(name, said))
}

function resolveIndex(name: string, written: string | IndexConfig): PartitionIndex {
  const said: IndexConfig = typeof written === 'string' ? { on: written } : written
  return {
    name,
    on: said.on,
    unique: said.unique ?? false,
    method: said.method ?? 'btree',
    where: said.where,
    include: said.include ?? [],
    with: asTexts(said.with ?? {}),
  }
}

/** As Postgres shows settings. */
export function asTexts(
  settings: Readonly<Record<string, string | number | boolean>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)]))
}
