// Schema "pgstrata" as a contribution to the plan: what is still to be installed, and which objects are ours to keep.

import type { ObjectRef } from './dump/index.ts'
import { schemaVersions, type SchemaVersion } from './versions.ts'
import { pendingVersions } from './install.ts'

export interface CatalogContribution {
  readonly feature: 'catalog'
  readonly steps: readonly {
    readonly title: string
    readonly statements: readonly string[]
    readonly undo: readonly string[]
  }[]
  readonly manages: readonly { readonly identity: string; readonly ref: ObjectRef }[]
}

const ourTables: readonly string[] = schemaVersions.flatMap((entry) => entry.tables)

export function contributeCatalog(installedVersion: number): CatalogContribution {
  const steps = pendingVersions(installedVersion).map((entry: SchemaVersion) => ({
    title: `Install ${entry.title}`,
    statements: entry.statements,
    undo: undoOf(entry),
  }))
  return {
    feature: 'catalog',
    steps,
    manages: ourTables.map((name) => ({
      identity: `table pgstrata.${name}`,
      ref: { kind: 'table', schema: 'pgstrata', name },
    })),
  }
}

function undoOf({ version, tables, views = [], aggregates = [] }: SchemaVersion): string[] {
  if (version === 1) return ['drop schema pgstrata cascade']
  return [
    ...views.map((name) => `drop view pgstrata.${name}`),
    ...tables.map((name) => `drop table pgstrata.${name}`).toReversed(),
    ...aggregates.map((name) => `drop aggregate pgstrata.${name}`),
  ]
}
