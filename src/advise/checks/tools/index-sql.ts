// Indexes made, taken away and brought back, without holding up writers: CONCURRENTLY, and of a partitioned table, which has no
// such way, first one on the parent alone, then one on each leaf CONCURRENTLY, then attached (CREATE INDEX, "Notes on
// partitioned tables"). Names are free ones, within what an identifier may be. What locks somebody out all the same is said.

import type { Queryable } from '../../../db/db.ts'
import { quoteIdent, quoteQualified } from '../../../sql/quote.ts'
import { sql } from '../../../sql/sql.ts'

export interface IndexSql {
  readonly fix: readonly string[]
  readonly undo: readonly string[]
  /** Whom it keeps waiting; undefined: nobody. */
  readonly locks?: string
}

export interface OldIndex {
  readonly schema: string
  readonly index: string
  /** As pg_get_indexdef has it. */
  readonly definition: string
  /** Of a partitioned table: it takes its partitions' along. */
  readonly isPartitioned: boolean
}

const dropLocks =
  'Of a partitioned table there is no DROP INDEX CONCURRENTLY: it waits until nobody uses the table or a partition, and reads and writes of all of them wait behind it. Set lock_timeout first (2s), and try again in a quiet moment. To bring it back that way locks out writers while it is built.'

const head = /^CREATE (UNIQUE )?INDEX ("(?:[^"]|"")+"|[^ "]+) ON (ONLY )?/

/** The statement that takes it away, and the one that brings it back. */
export function dropIndexSql({ schema, index, definition, isPartitioned }: OldIndex): IndexSql {
  const name = quoteQualified(schema, index)
  if (isPartitioned)
    return { fix: [`drop index ${name}`], undo: [definition.replace(head, 'CREATE $1INDEX $2 ON ')], locks: dropLocks }
  return {
    fix: [`drop index concurrently ${name}`],
    undo: [definition.replace(head, 'CREATE $1INDEX CONCURRENTLY $2 ON ')],
  }
}

export interface NewIndex {
  readonly schema: string
  readonly table: string
  readonly isPartitioned: boolean
  /** What its name tells of it: its columns. */
  readonly parts: readonly string[]
  /** 'using gin ("tags")', '("a", "b") where "a" is not null' */
  readonly keys: string
}

/** More leaves than that make a text that nobody reads. */
const mostLeaves = 200
const createLocks =
  'On the parent alone it waits for who writes to the table, and writers wait behind it for that moment (SHARE); to attach an index locks only that index. In a migration (`pgstrata migrate`) the series goes on where it was interrupted.'

export async function createIndexSql(on: Queryable, wanted: NewIndex): Promise<IndexSql> {
  const { schema, table, isPartitioned, keys } = wanted
  const taken = new Set<string>()
  const parent = await freeName(on, wanted, taken)
  const drop = `drop index ${isPartitioned ? '' : 'concurrently '}${quoteQualified(schema, parent)}`
  const create = (name: string, concurrently: boolean, place: string): string =>
    `create index ${concurrently ? 'concurrently ' : ''}${quoteIdent(name)} on ${place} ${keys}`
  if (!isPartitioned) return { fix: [create(parent, true, quoteQualified(schema, table))], undo: [drop] }
  const { rows } = await on.query<Member>(sql`
    select n.nspname::text as schema, c.relname::text as "table", p.isleaf as "isLeaf",
      p.level = 0 as "isRoot",
      pn.nspname::text as "parentSchema", pc.relname::text as "parentTable"
    from pg_partition_tree(${quoteQualified(schema, table)}::regclass) p
    join pg_class c on c.oid = p.relid
    join pg_namespace n on n.oid = c.relnamespace
    left join pg_class pc on pc.oid = p.parentrelid
    left join pg_namespace pn on pn.oid = pc.relnamespace
    order by p.level, n.nspname, c.relname
    limit ${mostLeaves + 1}`)
  // Too many to be written down. One CREATE INDEX on the parent would lock out all writers for as long as it takes.
  if (rows.length > mostLeaves) return { fix: [], undo: [], locks: ofMany(wanted) }
  const names = new Map<string, string>()
  const fix: string[] = []
  for (const member of rows) {
    const place = quoteQualified(member.schema, member.table)
    const name = member.isRoot ? parent : await freeName(on, { ...wanted, ...member }, taken)
    names.set(place, quoteQualified(member.schema, name))
    fix.push(member.isLeaf ? create(name, true, place) : create(name, false, `only ${place}`))
  }
  // From the leaves upwards: a parent's index is valid once all below it are attached.
  for (const member of rows.toReversed()) {
    if (member.isRoot || member.parentSchema === null || member.parentTable === null) continue
    const above = names.get(quoteQualified(member.parentSchema, member.parentTable))
    const own = names.get(quoteQualified(member.schema, member.table))
    if (above !== undefined && own !== undefined) fix.push(`alter index ${above} attach partition ${own}`)
  }
  return { fix, undo: [drop], locks: createLocks }
}

function ofMany({ keys }: NewIndex): string {
  return `It has more than ${mostLeaves} partitions, and CREATE INDEX on the table itself would lock out all writers until the last one is done. Declare ${keys} under \`indexes\` of the table: \`pgstrata apply\` then makes it on one partition after the other, CONCURRENTLY, and on each that is made later.`
}

interface Member {
  readonly schema: string
  readonly table: string
  readonly isLeaf: boolean
  readonly isRoot: boolean
  readonly parentSchema: string | null
  readonly parentTable: string | null
}

const mostTries = 20

async function freeName(on: Queryable, { schema, table, parts }: NewIndex, taken: Set<string>): Promise<string> {
  for (let turn = 0; turn < mostTries; turn += 1) {
    const name = withEnd([table, ...parts].join('_'), turn === 0 ? '_idx' : `_idx${turn}`)
    const place = quoteQualified(schema, name)
    if (taken.has(place)) continue
    const { rows } = await on.query<{ free: boolean }>(sql`select to_regclass(${place}::text) is null as free`)
    if (rows[0]?.free !== true) continue
    taken.add(place)
    return name
  }
  return withEnd(parts.join('_'), '_new_idx')
}

const maxIdentifierBytes = 63

function withEnd(begin: string, end: string): string {
  let kept = begin
  while (Buffer.byteLength(kept + end) > maxIdentifierBytes) kept = Array.from(kept).slice(0, -1).join('')
  return kept + end
}
