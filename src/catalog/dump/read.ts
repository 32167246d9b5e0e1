// Reads the schema of a database as objects. Read-only; one snapshot; a fixed number of queries, whatever the number
// of objects. Two readings of the same schema are equal, whatever the order in which its objects came about.

import type { Db, Session } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { readAggregates } from './aggregates.ts'
import { readCollations } from './collations.ts'
import { readConstraints } from './constraints.ts'
import { readDefaultPrivileges } from './default-privileges.ts'
import { readDomains } from './domains.ts'
import { readExtensionGrants } from './extension-grants.ts'
import { readExtensions } from './extensions.ts'
import { readForeign } from './foreign.ts'
import { readIndexRows, renderIndexes } from './indexes.ts'
import { compareObjects, sortedUnique, type Draft, type SchemaObject } from './object.ts'
import { readCasts, readOperators } from './operators.ts'
import { afterOf, readDependencies } from './order.ts'
import { readPolicies } from './policies.ts'
import { readPublications } from './publications.ts'
import { definition, withReading, type Reading, type ReadOptions } from './reading.ts'
import { readRelations, type Relations } from './relations.ts'
import { readRoutines } from './routines.ts'
import { readRules } from './rules.ts'
import { readSchemas } from './schemas.ts'
import { readStatistics } from './statistics.ts'
import { renderTables } from './tables.ts'
import { readTextSearch } from './text-search.ts'
import { readEventTriggers, readTriggers } from './triggers.ts'
import { readTypes } from './types.ts'
import { readUnsupported } from './unsupported.ts'
import { renderViews } from './views.ts'

/** Everything in the schemas chosen, and, unless `schemas` is given, what lives in no schema. Sorted by kind and name. */
export async function readSchema(on: Db | Session, options: ReadOptions = {}): Promise<readonly SchemaObject[]> {
  return await withReading(on, options, async (reading) => {
    const drafts: Draft[] = []
    for (const read of [...freeReaders, readRelationDrafts]) drafts.push(...(await read(reading)))
    const needs = await readDependencies(reading, drafts)
    return drafts.map((draft) => finish(draft, afterOf(needs, draft.identity))).toSorted(compareObjects)
  })
}

/** What belongs to no table. */
const freeReaders: readonly ((reading: Reading) => Promise<Draft[]>)[] = [
  readSchemas,
  readExtensions,
  readForeign,
  readCollations,
  readTypes,
  readDomains,
  readTextSearch,
  readRoutines,
  readAggregates,
  readOperators,
  readCasts,
  readPublications,
  readEventTriggers,
  readExtensionGrants,
  readDefaultPrivileges,
  readUnsupported,
]

export async function readRelationDrafts(reading: Reading): Promise<Draft[]> {
  const relations = await readRelations(reading)
  const indexes = await readIndexRows(reading)
  const drafts = [
    ...renderTables(reading, relations),
    ...renderViews(reading, relations),
    ...renderIndexes(reading, indexes),
    ...(await readConstraints(reading, indexes)),
    ...(await readStatistics(reading)),
    ...(await readRules(reading)),
    ...(await readTriggers(reading)),
    ...(await readPolicies(reading)),
  ]
  await assertThere(reading, relations)
  return drafts
}

/** pg_table_is_visible sees the latest catalog, as pg_get_expr does, which gives null for a table that is gone. */
async function assertThere(reading: Reading, relations: Relations): Promise<void> {
  const oids = relations.rows.map((row) => row.oid)
  const { rows } = await reading.session.query<{ oid: number }>(sql`
    select oid
    from unnest(${oids}::oid[]) as oid
    where pg_table_is_visible(oid) is null
    limit 1`)
  const gone = relations.rows.find((row) => row.oid === rows[0]?.oid)
  if (gone !== undefined) definition(null, gone.name)
}

export function finish(draft: Draft, after: readonly string[]): SchemaObject {
  return Object.freeze({
    kind: draft.kind,
    identity: draft.identity,
    sql: draft.statements.join('\n'),
    ...(draft.parent === undefined ? {} : { parent: draft.parent }),
    after,
    roles: sortedUnique(draft.roles ?? []),
    reproduced: draft.reproduced ?? true,
  })
}
