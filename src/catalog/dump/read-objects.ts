// Some objects of a database, each with its parts. A fixed number of queries for all relations of a schema, and one for all
// its routines, whatever their number: a plan that keeps a hundred objects reads them as fast as ten.

import type { Db, Session } from '../../db/db.ts'
import { sql } from '../../sql/sql.ts'
import { readAggregates } from './aggregates.ts'
import { readCollations } from './collations.ts'
import { readDomains } from './domains.ts'
import { readExtensions } from './extensions.ts'
import { readForeign } from './foreign.ts'
import { compareObjects, groupBy, sortedUnique, type Draft, type ObjectKind, type SchemaObject } from './object.ts'
import { readOperators } from './operators.ts'
import { readPublications } from './publications.ts'
import { finish, readRelationDrafts } from './read.ts'
import { withReading, type Reading, type ReadOptions } from './reading.ts'
import { renderSchema } from './render.ts'
import { readRoutines } from './routines.ts'
import { readSchemas } from './schemas.ts'
import { readTextSearch } from './text-search.ts'
import { readEventTriggers } from './triggers.ts'
import { readTypes } from './types.ts'

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
      for (const [ref, drafts] of await readDrafts(reading, members)) {
        const object = join(drafts)
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

type DraftsOf = ReadonlyMap<ObjectRef, readonly Draft[]>

async function readDrafts(reading: Reading, refs: readonly ObjectRef[]): Promise<DraftsOf> {
  const routines = refs.filter((ref) => isRoutine(ref.kind))
  const named = refs.filter((ref) => readerOf[ref.kind] !== undefined)
  const relations = refs.filter((ref) => !isRoutine(ref.kind) && readerOf[ref.kind] === undefined)
  const drafts = new Map([...(await readRoutinesOf(reading, routines)), ...(await readRelationsOf(reading, relations))])
  for (const ref of named) drafts.set(ref, await readNamed(reading, ref))
  return drafts
}

/** The first by kind is the object, the rest are its parts. */
function join(drafts: readonly Draft[]): SchemaObject | undefined {
  const [first, ...rest] = drafts.map((draft) => finish(draft, [])).toSorted(compareObjects)
  if (first === undefined) return undefined
  const roles = sortedUnique([first, ...rest].flatMap((object) => object.roles))
  const parts = rest.length === 0 ? '' : `\n\n${renderSchema(rest).trimEnd()}`
  return Object.freeze({ ...first, roles, sql: `${first.sql}${parts}` })
}

function isRoutine(kind: ObjectKind): boolean {
  return kind === 'function' || kind === 'procedure'
}

async function readRoutinesOf(reading: Reading, refs: readonly ObjectRef[]): Promise<DraftsOf> {
  if (refs.length === 0) return new Map()
  const drafts = groupBy(await readRoutines({ ...reading, names: refs.map((ref) => ref.name) }), (draft) => draft.name)
  return new Map(refs.map((ref) => [ref, (drafts.get(ref.name) ?? []).filter((draft) => draft.kind === ref.kind)]))
}

/** What is asked for rarely, and is read one by one. */
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
  aggregate: readAggregates,
  operator: readOperators,
  publication: readPublications,
  'event-trigger': readEventTriggers,
}

async function readNamed(reading: Reading, ref: ObjectRef): Promise<Draft[]> {
  const drafts = (await readerOf[ref.kind]?.({ ...reading, names: [ref.name] })) ?? []
  return drafts.filter((draft) => draft.kind === ref.kind)
}

interface Found {
  /** Index of the reference. */
  readonly at: number
  readonly oid: number
  /** Qualified and quoted: the relation itself, or the table of an index. */
  readonly relation: string
  /** The name asked for, quoted. */
  readonly name: string
  readonly isIndex: boolean
}

/** The drafts of tables, views and sequences; or of one part of one. */
async function readRelationsOf(reading: Reading, refs: readonly ObjectRef[]): Promise<DraftsOf> {
  if (refs.length === 0) return new Map()
  const { rows } = await reading.session.query<Found>(sql`
    select asked.number::int4 - 1 as at,
      t.oid,
      format('%I.%I', n.nspname, t.relname) as relation,
      quote_ident(asked.name) as name,
      i.indrelid is not null as "isIndex"
    from unnest(${refs.map((ref) => ref.table ?? ref.name)}::text[], ${refs.map((ref) => ref.name)}::text[])
      with ordinality as asked (relation, name, number)
    join pg_namespace n on n.nspname = ${refs[0]?.schema ?? 'public'}
    join pg_class c on c.relname = asked.relation and c.relnamespace = n.oid
    left join pg_index i on i.indexrelid = c.oid
    join pg_class t on t.oid = coalesce(i.indrelid, c.oid)`)
  if (rows.length === 0) return new Map()
  const drafts = await readRelationDrafts({ ...reading, relations: [...new Set(rows.map((row) => row.oid))] })
  const draftsOf = groupBy(drafts, (draft) => nameOf(draft.parent ?? draft.identity))
  return new Map(
    rows.flatMap((row) => {
      const ref = refs[row.at]
      return ref === undefined ? [] : [[ref, choose(draftsOf.get(row.relation) ?? [], ref, row)] as const]
    }),
  )
}

/** 'materialized-view app.totals' → 'app.totals' */
function nameOf(identity: string): string {
  return identity.slice(identity.indexOf(' ') + 1)
}

/** Of the drafts of one relation, those of what was asked for. */
function choose(drafts: readonly Draft[], ref: ObjectRef, { name, isIndex }: Found): readonly Draft[] {
  if (ref.table !== undefined || isIndex) {
    const part = `${ref.kind} ${name} on `
    return drafts.filter((draft) => draft.identity.startsWith(part) || isNamedPart(draft, ref.kind, name))
  }
  const main = drafts.find((draft) => draft.kind === ref.kind && draft.parent === undefined)
  return main === undefined ? [] : drafts
}

/** Indexes and statistics have names of their own: 'index public.plays_time_idx'. */
function isNamedPart(draft: Draft, kind: ObjectKind, name: string): boolean {
  return draft.kind === kind && draft.identity.endsWith(`.${name}`)
}
