// `changes` of a configuration, as types and as a schema: which tables the feed of changes tells of, and where it reads them.

import { z } from 'zod'
import { messageOf } from '../base/errors.ts'
import { parseSizeBytes } from '../base/units.ts'
import type { ChangesSettings, FeedTable } from '../changes/feed/index.ts'
import { identifier } from './values.ts'

export interface ChangesConfig {
  readonly tables: readonly (string | readonly [schema: string, table: string])[]
  readonly source?: 'auto' | 'wal' | 'outbox' | undefined
  readonly cap?: string | undefined
}

const mostTables = 1_000

const cap = z.string().check((context) => {
  try {
    if (parseSizeBytes(context.value) >= 1_024 ** 2) return
    context.issues.push({ code: 'custom', message: "expected at least '1MB'", input: context.value, continue: true })
  } catch (error) {
    context.issues.push({ code: 'custom', message: messageOf(error), input: context.value, continue: true })
  }
})

export const changesSchema: z.ZodType<ChangesConfig> = z.strictObject({
  tables: z
    .array(z.union([identifier, z.tuple([identifier, identifier])]))
    .min(1)
    .max(mostTables)
    .describe("Tables whose changes are told: in schema public, or as `['schema', 'table']`."),
  source: z
    .enum(['auto', 'wal', 'outbox'])
    .optional()
    .describe(
      "'wal' needs `wal_level = logical`. Default: 'auto', the WAL where the server decodes it, else an outbox.",
    ),
  cap: cap
    .optional()
    .describe(
      "What the feed may keep on the server before it gives up and begins anew. Of an outbox: '1GB', unless it is said. Of WAL: held only while some process runs the feed, for servers whose `max_slot_wal_keep_size` cannot be set.",
    ),
})

/** Each table once. `further`: what other parts of the configuration need to be told of. */
export function resolveChanges(
  written: ChangesConfig | undefined,
  further: readonly FeedTable[] = [],
): ChangesSettings | undefined {
  if (written === undefined && further.length === 0) return undefined
  const named = (written?.tables ?? []).map((table) =>
    typeof table === 'string' ? (['public', table] as const) : table,
  )
  const declared = [...named.map(([schema, table]) => ({ schema, table })), ...further]
  const tables = new Map(declared.map((table) => [JSON.stringify([table.schema, table.table]), table]))
  return {
    tables: [...tables.values()],
    source: written?.source ?? 'auto',
    ownCapBytes: written?.cap === undefined ? undefined : parseSizeBytes(written.cap),
  }
}
