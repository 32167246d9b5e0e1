// `views` of a configuration, as types and as a schema: materialized views, what they hold and when they are refreshed; and plain
// ones, which hold nothing.

import { z } from 'zod'
import { ownRelations, type Rollup } from '../rollups/index.ts'
import type { MaterializedView, PlainView } from '../views/index.ts'
import { cron, every, scheduleOf, zone, type CronConfig } from './jobs.ts'
import { identifier, type Duration } from './values.ts'

export interface ViewConfig {
  readonly sql: string
  readonly schema?: string | undefined
  readonly materialized?: boolean | undefined
  readonly unique?: readonly string[] | undefined
  readonly indexes?: readonly (readonly string[])[] | undefined
  readonly refresh?: Duration | CronConfig | undefined
  readonly tags?: readonly string[] | undefined
  readonly dependsOn?: readonly string[] | undefined
}

export type ViewsConfig = Readonly<Record<string, ViewConfig>>

/** Of an index. */
const columns = z.array(identifier).min(1).max(32)

const view = z.strictObject({
  sql: z.string().min(1).describe('What it holds: a SELECT.'),
  schema: identifier.optional().describe('Where it stands. Default: public.'),
  materialized: z
    .boolean()
    .default(true)
    .describe('False: a plain view, which holds no rows. It takes `sql` and `schema` alone.'),
  unique: columns
    .optional()
    .describe('Columns that no two of its rows share. With them readers go on while it is refreshed.'),
  indexes: z
    .array(columns)
    .max(16)
    .optional()
    .describe("Columns of further indexes: `[['plays'], ['genre', 'plays']]`."),
  refresh: z
    .union([
      every,
      z.strictObject({
        cron: cron.describe('When: five fields, or six with seconds in front.'),
        zone: zone.optional().describe('Of `cron`; otherwise `jobs.zone`.'),
      }),
    ])
    .optional()
    .describe("When `pgstrata serve` refreshes it: '15 minutes', or `{ cron, zone }`. Otherwise only by hand."),
  tags: z.array(z.string().min(1).max(100)).max(16).optional().describe('By which several can be refreshed at once.'),
  dependsOn: z
    .array(identifier)
    .max(64)
    .optional()
    .describe('Views to be refreshed before it, besides those that its sql reads: what a function in it reads.'),
})

export const viewsSchema: z.ZodType<ViewsConfig> = z.record(identifier, view)

/** Said of what is computed ahead. */
const rowsOnly = ['unique', 'indexes', 'refresh', 'tags', 'dependsOn'] as const

const whyNotPlain =
  'a plain view (`materialized: false`) holds no rows, and is not refreshed: leave this out, or let it be materialized'

/** What is wrong in a view, between views, or between a view and a rollup, by the path of the key that has to change. */
export function findViewFaults(
  views: ViewsConfig,
  rollups: readonly Rollup[],
): readonly { readonly path: readonly string[]; readonly message: string }[] {
  return Object.entries(views).flatMap(([name, one]) => {
    const ofRows = isPlain(one) ? rowsOnly.filter((key) => one[key] !== undefined) : []
    const strange = one.dependsOn?.find((other) => views[other] === undefined || other === name)
    const rollup = rollups.find((other) =>
      ownRelations(other).some((relation) => relation.schema === schemaOf(one) && relation.name === name),
    )
    return [
      ...ofRows.map((key) => ({ path: ['views', name, key], message: whyNotPlain })),
      ...(strange === undefined
        ? []
        : [{ path: ['views', name, 'dependsOn'], message: `expected other views, got ${JSON.stringify(strange)}` }]),
      ...(rollup === undefined
        ? []
        : [{ path: ['views', name], message: `rollup ${rollup.name} has something of that name; choose another` }]),
    ]
  })
}

const isPlain = ({ materialized }: ViewConfig): boolean => materialized === false

export function resolvePlainViews(views: ViewsConfig): readonly PlainView[] {
  const plain = Object.entries(views).filter(([, one]) => isPlain(one))
  return plain.map(([name, one]) => ({ name, schema: schemaOf(one), sql: one.sql }))
}

export function resolveViews(views: ViewsConfig, defaultZone: string): readonly MaterializedView[] {
  const materialized = Object.entries(views).filter(([, one]) => !isPlain(one))
  return materialized.map(([name, one]) => ({
    name,
    schema: schemaOf(one),
    sql: one.sql,
    unique: one.unique ?? [],
    indexes: one.indexes ?? [],
    refresh: one.refresh === undefined ? undefined : scheduleOf(one.refresh, defaultZone),
    tags: one.tags ?? [],
    dependsOn: one.dependsOn ?? [],
  }))
}

const schemaOf = ({ schema }: ViewConfig): string => schema ?? 'public'
