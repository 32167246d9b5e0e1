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
import { compareObjects, groupBy, sortedUnique, type Draft, type ObjectKind, type SchemaObject } from './object.ts'
import { readCasts, readOperators } from './operators.ts'
import { afterOf, readDependencies } from './order.ts'
import { readPolicies } from './policies.ts'
import { readPublications } from './publications.ts'
import { definition, withReading, type Reading, type ReadOptions } from './reading.ts'
import { readRelations, type Relations } from './relations.ts'
import { renderSchema } from './render.ts'
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

async function readRelationDrafts(reading: Reading): Promise<Draft[]> {
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

function finish(draft: Draft, after: readonly string[]): SchemaObject {
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

export interface ObjectRef {
  readonly kind: ObjectKind
  /** Left out for what lives in no schema: an extension, a publication, a schema. */
  readonly schema?: string | undefined
  readonly name: string
  /** For what is a part of a table and has no name outside of it: a constraint, a trigger, a rule, a policy. */
  readonly table?: string | undefined
}

/**
 * Objects with their parts, each as one text: a table with its constraints, indexes and triggers. All functions of one
 * name are one object here. Undefined where there is none. Dependencies are not read. One snapshot for those of a schema.
 */
export async function readObjects(
  on: Db | Session,
  refs: readonly ObjectRef[],
  options: ReadOptions = {},
): Promise<ReadonlyMap<ObjectRef, SchemaObject>> {
  const found = new Map<ObjectRef, SchemaObject>()
  for (const [schema, members] of groupBy(refs, (ref) => ref.schema)) {
    const within = { schemas: schema === undefined ? undefined : [schema], excludeSchemas: [] }
    await withReading(on, { ...options, ...within }, async (reading) => {
      for (const ref of members) {
        const object = await readOne(reading, ref)
        if (object !== undefined) found.set(ref, object)
      }
    })
  }
  return found
}

export async function readObject(
  on: Db | Session,
  ref: ObjectRef,
  options: ReadOptions = {},
): Promise<SchemaObject | undefined> {
  return (await readObjects(on, [ref], options)).get(ref)
}

async function readOne(reading: Reading, ref: ObjectRef): Promise<SchemaObject | undefined> {
  const reader = readerOf[ref.kind]
  const found =
    reader === undefined
      ? await readRelation(reading, ref)
      : (await reader({ ...reading, name: ref.name })).filter((draft) => draft.kind === ref.kind)
  const [first, ...rest] = found.map((draft) => finish(draft, [])).toSorted(compareObjects)
  if (first === undefined) return undefined
  const roles = sortedUnique([first, ...rest].flatMap((object) => object.roles))
  const parts = rest.length === 0 ? '' : `\n\n${renderSchema(rest).trimEnd()}`
  return Object.freeze({ ...first, roles, sql: `${first.sql}${parts}` })
}

const readerOf: Readonly<Partial<Record<ObjectKind, (reading: Reading) => Promise<Draft[]>>>> = {
  schema: readSchemas,
  extension: readExtensions,
  'foreign-data-wrapper': readForeign,
  'foreign-server': readForeign,
  collation: readCollations,
  enum: readTypes,
  type: readTypes,
  range: readTypes,
  domain: readDomains,
  'text-search-dictionary': readTextSearch,
  'text-search-configuration': readTextSearch,
  function: readRoutines,
  procedure: readRoutines,
  aggregate: readAggregates,
  operator: readOperators,
  publication: readPublications,
  'event-trigger': readEventTriggers,
}

/** The drafts of one table, view or sequence; or of one part of it. */
async function readRelation(reading: Reading, ref: ObjectRef): Promise<Draft[]> {
  const { rows } = await reading.session.query<{ oid: number; name: string; isIndex: boolean }>(sql`
    select coalesce(i.indrelid, c.oid) as oid,
      quote_ident(${ref.name}) as name,
      i.indrelid is not null as "isIndex"
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_index i on i.indexrelid = c.oid
    where n.nspname = ${ref.schema ?? 'public'}
      and c.relname = ${ref.table ?? ref.name}`)
  const [relation] = rows
  if (relation === undefined) return []
  const drafts = await readRelationDrafts({ ...reading, relation: relation.oid })
  if (ref.table !== undefined || relation.isIndex) {
    const part = `${ref.kind} ${relation.name} on `
    return drafts.filter((draft) => draft.identity.startsWith(part) || isNamedPart(draft, ref.kind, relation.name))
  }
  const main = drafts.find((draft) => draft.kind === ref.kind && draft.parent === undefined)
  if (main === undefined) return []
  return [main, ...drafts.filter((draft) => draft !== main && draft.parent === main.identity)]
}

/** Indexes and statistics have names of their own: 'index public.plays_time_idx'. */
function isNamedPart(draft: Draft, kind: ObjectKind, name: string): boolean {
  return draft.kind === kind && draft.identity.endsWith(`.${name}`)
}
