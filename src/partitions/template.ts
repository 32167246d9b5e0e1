// How one partition is made: statements with a mark for its name and one for its bound. They are kept in pgstrata.layout, so
// that SQL makes partitions exactly as TypeScript does, by replacing two texts.
//
// What holds: the partition is made as a table of its own and complete (keys, indexes, settings, owner, nobody's grants)
// before it is attached, so the table itself is locked by ATTACH alone, SHARE UPDATE EXCLUSIVE, which readers and writers do not notice.
// All statements of one partition belong into one transaction.

import { createHash } from 'node:crypto'
import { quoteIdent, quoteLiteral, quoteQualified } from '../sql/quote.ts'
import type { HashSplit, PartitionedTable, PartitionIndex } from './options.ts'

export interface PartitionMarks {
  /** Stands between double quotes, or in the text of a regclass: replaced by the name with its double quotes doubled. */
  readonly name: string
  /** Replaced by FOR VALUES … or DEFAULT. */
  readonly bound: string
}

/** Nobody's names hold these; and they are identifiers, so that statements with marks still parse. */
export const marks: PartitionMarks = { name: 'pgstrata:partition:name', bound: 'pgstrata_partition_bound' }

/** What partitions take over from their table, because Postgres does not hand it on (PostgreSQL 18 §5.12.2.1). */
export interface TableTraits {
  readonly owner: string
  readonly unlogged: boolean
  /** It has an index that keeps rows from overlapping: ATTACH knows none of a partition again, and would make a second. */
  readonly excludes: boolean
  readonly tablespace: string | null
  readonly accessMethod: string | null
  readonly replicaIdentity: 'default' | 'nothing' | 'full' | { readonly index: string }
}

export interface TemplateSubject {
  readonly declared: PartitionedTable
  readonly traits: TableTraits
  /** The partitioned table, where it has another name than the declared one (yet). */
  readonly parent?: string | undefined
  /** Whether partitions get a BRIN index on the column of time. */
  readonly brin: boolean
}

/** Statements that make one partition and attach it, with marks. */
export function templateFor(subject: TemplateSubject): readonly string[] {
  const { declared, traits, parent = declared.table } = subject
  const { schema, layout } = declared
  const table = quoteQualified(schema, parent)
  const partition = quoteQualified(schema, marks.name)
  const split = layout.kind === 'hash' ? undefined : layout.split
  const like = `(like ${table} including all excluding identity${traits.excludes ? ' excluding indexes' : ''})`
  const leaves =
    split === undefined
      ? [{ name: marks.name, create: `create ${words(traits)} ${partition}\n  ${like}${leafClauses(subject)}` }]
      : leavesOf(subject, split)
  return [
    ...(split === undefined
      ? []
      : [
          `create ${words(traits)} ${partition}\n  ${like}\n  partition by hash (${quoteIdent(split.column)})`,
          `alter table ${partition} owner to ${quoteIdent(traits.owner)}`,
          ...replicaIdentity(traits, partition),
        ]),
    ...leaves.flatMap(({ name, create }) => [create, ...leafSettings(subject, name)]),
    withdrawDefaults(partition),
    `alter table ${table} attach partition ${partition} ${marks.bound}`,
    ...replicaIndex(subject, parent),
  ]
}

interface Leaf {
  readonly name: string
  readonly create: string
}

/** Of a partition that nobody else can see yet, so the lock of PARTITION OF is nobody's concern. */
function leavesOf(subject: TemplateSubject, split: HashSplit): readonly Leaf[] {
  const { declared, traits } = subject
  return Array.from({ length: split.into }, (_, remainder) => {
    const name = leafName(marks.name, remainder)
    const create = `create ${words(traits)} ${quoteQualified(declared.schema, name)}
  partition of ${quoteQualified(declared.schema, marks.name)}
  ${hashBound(split.into, remainder)}${leafClauses(subject)}`
    return { name, create }
  })
}

/** The tables that hold the rows of a partition. */
export function leafNames({ layout }: Pick<PartitionedTable, 'layout'>, partition: string): readonly string[] {
  if (layout.kind === 'hash' || layout.split === undefined) return [partition]
  return Array.from({ length: layout.split.into }, (_, remainder) => leafName(partition, remainder))
}

export function leafName(partition: string, remainder: number): string {
  return `${partition}_part_${remainder}`
}

export function hashBound(modulus: number, remainder: number): string {
  return `for values with (modulus ${modulus}, remainder ${remainder})`
}

const words = (traits: TableTraits): string => (traits.unlogged ? 'unlogged table' : 'table')

function leafClauses({ declared, traits }: TemplateSubject): string {
  const settings = Object.entries(declared.storage).map(([name, value]) => `${name} = ${quoteLiteral(value)}`)
  const clauses = [
    ...(traits.accessMethod === null ? [] : [`using ${quoteIdent(traits.accessMethod)}`]),
    ...(settings.length === 0 ? [] : [`with (${settings.join(', ')})`]),
    ...(traits.tablespace === null ? [] : [`tablespace ${quoteIdent(traits.tablespace)}`]),
  ]
  return clauses.map((clause) => `\n  ${clause}`).join('')
}

function leafSettings(subject: TemplateSubject, leaf: string): readonly string[] {
  const { declared, traits } = subject
  const table = quoteQualified(declared.schema, leaf)
  return [
    `alter table ${table} owner to ${quoteIdent(traits.owner)}`,
    ...Object.entries(declared.statistics).map(([column, target]) => setStatistics(table, column, target)),
    ...indexesOf(declared, subject.brin).flatMap((index) => createIndex(declared.schema, leaf, index)),
    ...replicaIdentity(traits, table),
  ]
}

export function setStatistics(table: string, column: string, target: number): string {
  return `alter table ${table} alter column ${quoteIdent(column)} set statistics ${target}`
}

/** Those declared, and the BRIN index where there is to be one. */
export function indexesOf(declared: PartitionedTable, brin: boolean): readonly PartitionIndex[] {
  const { layout } = declared
  if (!brin || layout.kind !== 'time') return declared.indexes
  const plain = { unique: false, method: 'brin', where: undefined, include: [], with: { autosummarize: 'on' } }
  return [...declared.indexes, { name: 'brin', on: quoteIdent(layout.column), ...plain }]
}

/** What is declared of slim partitions, as far as they are made by it. */
export interface SlimShape {
  readonly indexes: readonly PartitionIndex[]
  readonly segmentBy: readonly string[]
  readonly orderBy: readonly { readonly column: string; readonly descending: boolean }[]
}

/** Instead of those declared for each partition. Rows in the order of time are found by BRIN. */
export function slimIndexes(
  declared: PartitionedTable,
  { indexes, segmentBy, orderBy }: SlimShape,
): readonly PartitionIndex[] {
  const inOrder = segmentBy.length === 0 && orderBy[0]?.column === declared.layout.column
  return indexesOf({ ...declared, indexes }, inOrder)
}

/** Nothing is left free for updates in a slim partition. */
export const slimStorage: Readonly<Record<string, string>> = { fillfactor: '100' }

export function indexName(leaf: string, index: PartitionIndex): string {
  return `${leaf}_${index.name}`
}

/** While it is built beside the traffic, or anew beside the old one. */
export function buildingName(index: string): string {
  return `${index}_new`
}

/** The comment tells, later, whether the index is still the one that is declared. */
export function createIndex(
  schema: string,
  leaf: string,
  index: PartitionIndex,
  { concurrently = false, name = indexName(leaf, index) }: { concurrently?: boolean; name?: string } = {},
): readonly string[] {
  const settings = Object.entries(index.with).map(([key, value]) => `${key} = ${quoteLiteral(value)}`)
  const kind = `${index.unique ? 'unique ' : ''}index${concurrently ? ' concurrently' : ''}`
  const clauses = [
    `create ${kind} ${quoteIdent(name)}`,
    `on ${quoteQualified(schema, leaf)} using ${quoteIdent(index.method)} (${index.on})`,
    ...(index.include.length === 0 ? [] : [`include (${index.include.map(quoteIdent).join(', ')})`]),
    ...(settings.length === 0 ? [] : [`with (${settings.join(', ')})`]),
    ...(index.where === undefined ? [] : [`where ${index.where}`]),
  ]
  return [
    clauses.join('\n  '),
    `comment on index ${quoteQualified(schema, name)} is ${quoteLiteral(indexComment(index))}`,
  ]
}

/** Says that the index is ours, and what it was made from. */
export function indexComment(index: PartitionIndex): string {
  const { on, unique, method, where = null, include, with: settings } = index
  const digest = createHash('sha256').update(JSON.stringify([on, unique, method, where, include, settings]))
  return `pgstrata ${digest.digest('hex').slice(0, 12)}`
}

function replicaIdentity({ replicaIdentity: identity }: TableTraits, table: string): readonly string[] {
  if (identity === 'full' || identity === 'nothing') return [`alter table ${table} replica identity ${identity}`]
  return []
}

/**
 * A replica identity by index is that of the partition's own index, whose name only Postgres knows, and which is known to
 * belong to the table's only once it is attached.
 */
function replicaIndex({ declared, traits }: TemplateSubject, parent: string): readonly string[] {
  if (typeof traits.replicaIdentity === 'string') return []
  const regclass = (name: string): string => regclassOf(quoteQualified(declared.schema, name))
  return [
    `do $pgstrata$
declare
  statement text;
begin
  for statement in
    select pg_catalog.format('alter table %s replica identity using index %I', i.indrelid::pg_catalog.regclass, c.relname)
    from pg_catalog.pg_partition_tree(${regclass(marks.name)}) as t
    join pg_catalog.pg_index as i on i.indrelid = t.relid
    join pg_catalog.pg_class as c on c.oid = i.indexrelid
    join pg_catalog.pg_index as own on own.indrelid = ${regclass(parent)} and own.indisreplident
    where own.indexrelid in (select relid from pg_catalog.pg_partition_ancestors(i.indexrelid))
  loop
    execute statement;
  end loop;
end
$pgstrata$`,
  ]
}

/**
 * Default privileges grant on a partition what nobody granted on its table, and past the policies of that table: whoever is
 * to read reads through the table. `table` as SQL writes it; the partitions of it too.
 */
export function withdrawDefaults(table: string): string {
  return `do $pgstrata$
declare
  statement text;
begin
  for statement in
    select pg_catalog.format('revoke all on table %s from %s', c.oid::pg_catalog.regclass,
      case g.grantee when 0 then 'public' else pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) end)
    from pg_catalog.pg_class as c
    cross join lateral (select distinct grantee from pg_catalog.aclexplode(c.relacl)) as g
    where g.grantee <> c.relowner
      and (c.oid = ${regclassOf(table)} or c.oid in (select relid from pg_catalog.pg_partition_tree(${regclassOf(table)})))
  loop
    execute statement;
  end loop;
end
$pgstrata$`
}

const regclassOf = (table: string): string => `$pgstrata_name$${table}$pgstrata_name$::pg_catalog.regclass`

/** A template with its marks replaced; SQL does the same with two calls of replace(). */
export function fillTemplate(
  template: readonly string[],
  { name, bound }: { readonly name: string; readonly bound: string },
): readonly string[] {
  const inQuotes = name.replaceAll('"', '""')
  return template.map((statement) =>
    statement.replaceAll(marks.name, () => inQuotes).replaceAll(marks.bound, () => bound),
  )
}

export function rangeBound({ lower, upper }: { readonly lower: string; readonly upper: string }): string {
  return `for values from (${lower}) to (${upper})`
}
