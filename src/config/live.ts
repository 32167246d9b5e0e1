// `live` of a configuration, as types and as a schema: what clients may subscribe to, and how events reach every process.

import { z } from 'zod'
import type { FeedTable } from '../changes/feed/index.ts'
import type { LiveSettings } from '../live/index.ts'
import type { Rollup } from '../rollups/index.ts'
import { identifier } from './values.ts'

export interface LiveTableConfig {
  readonly table?: string | readonly [schema: string, table: string] | undefined
  readonly columns?: readonly string[] | undefined
  readonly filters?: readonly string[] | undefined
  readonly fixed?: readonly string[] | undefined
}

export interface LiveConfig {
  readonly tables?: Readonly<Record<string, LiveTableConfig>> | undefined
  readonly rollups?: readonly string[] | undefined
  readonly tops?: Readonly<Record<string, readonly string[]>> | undefined
  readonly through?: 'redis' | 'database' | 'process' | undefined
  readonly connections?: number | undefined
  readonly connectionsPerAddress?: number | undefined
}

const columns = z.array(identifier).max(100)
const limit = z.int().min(1).max(1_000_000)

const table = z.strictObject({
  table: z
    .union([identifier, z.tuple([identifier, identifier])])
    .optional()
    .describe("The table, or `['schema', 'table']`. Default: the key it stands under, in schema public."),
  columns: columns.optional().describe('What goes out of a row with its event, besides the key. Default: nothing.'),
  filters: columns.optional().describe('Columns that clients may set conditions on, besides the key. Default: none.'),
  fixed: columns
    .optional()
    .describe(
      'Those of them that never change once a row is there: an update then concerns nobody else. Default: none.',
    ),
})

export const liveSchema: z.ZodType<LiveConfig> = z.strictObject({
  tables: z.record(z.string().min(1).max(100), table).optional().describe('Tables by the name that clients use.'),
  rollups: z.array(z.string()).optional().describe('Rollups of whose keys clients hear that they changed.'),
  tops: z
    .record(z.string(), z.array(z.string()).min(1).max(32))
    .optional()
    .describe('Rollups with totals, and columns in whose order, the greatest first, their first rows may be watched.'),
  through: z
    .enum(['redis', 'database', 'process'])
    .optional()
    .describe(
      "How events reach other processes. Default: 'redis' where `cache.redis` is set, else 'database'. 'process': they do not.",
    ),
  connections: limit.optional().describe('Clients of one process. Default: 10,000.'),
  connectionsPerAddress: limit.optional().describe('Of those, from one address. Default: 200.'),
})

interface Fault {
  readonly path: readonly string[]
  readonly message: string
}

export function findLiveFaults(live: LiveConfig | undefined, rollups: readonly Rollup[]): readonly Fault[] {
  const names = new Set(rollups.map(({ name }) => name))
  const unknown = (live?.rollups ?? []).flatMap((name, index) =>
    names.has(name)
      ? []
      : [{ path: ['live', 'rollups', String(index)], message: 'expected the name of a declared rollup' }],
  )
  const tops = Object.entries(live?.tops ?? {}).flatMap(([name, orders]): readonly Fault[] => {
    const rollup = rollups.find((one) => one.name === name)
    if (rollup?.totals === undefined)
      return [{ path: ['live', 'tops', name], message: 'expected a declared rollup with `totals`' }]
    const known = orderable(rollup)
    return orders.flatMap((order, index) =>
      known.includes(order)
        ? []
        : [{ path: ['live', 'tops', name, String(index)], message: `expected one of ${known.join(', ')}` }],
    )
  })
  return [...unknown, ...tops]
}

function orderable({ measures, totals }: Rollup): readonly string[] {
  const additive = measures.filter(({ kind }) => ['count', 'sum', 'avg'].includes(kind)).map(({ name }) => name)
  return [
    ...additive,
    ...(totals?.windows ?? []).flatMap((window) => additive.map((name) => `${name}_${window.name}`)),
    ...(totals?.compute ?? []).map(({ name }) => name),
  ]
}

export function resolveLive(
  live: LiveConfig | undefined,
  { rollups, redis }: { readonly rollups: readonly Rollup[]; readonly redis: string | undefined },
): LiveSettings | undefined {
  if (live === undefined) return undefined
  const named = (names: readonly string[]): readonly Rollup[] => rollups.filter(({ name }) => names.includes(name))
  return {
    tables: Object.entries(live.tables ?? {}).map(([name, { table = name, columns, filters, fixed }]) => {
      const [schema, relation] = typeof table === 'string' ? (['public', table] as const) : table
      return { name, schema, table: relation, columns: columns ?? [], filters: filters ?? [], fixed: fixed ?? [] }
    }),
    rollups: named(live.rollups ?? []).map(({ name, schema, table, by }) => ({ name, schema, table, by })),
    tops: named(Object.keys(live.tops ?? {})).map(({ name, schema, table }) => ({
      name,
      orderBy: live.tops?.[name] ?? [],
      sources: [{ schema, table }],
    })),
    through: live.through ?? (redis === undefined ? 'database' : 'redis'),
    limits: {
      ...(live.connections === undefined ? {} : { connections: live.connections }),
      ...(live.connectionsPerAddress === undefined ? {} : { connectionsPerAddress: live.connectionsPerAddress }),
    },
  }
}

/** What the feed has to capture for it. */
export function tablesOfLive(live: LiveSettings | undefined): readonly FeedTable[] {
  if (live === undefined) return []
  return [...live.tables, ...live.rollups, ...live.tops.flatMap(({ sources }) => sources)].map(({ schema, table }) => ({
    schema,
    table,
  }))
}
