// The tables in which the rows of a partition are: itself, or, where its period is divided by hash, those that it is divided into.

import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Queryable, type Session } from '../../db/db.ts'
import { readFingerprint } from '../../partitions/for-tiers.ts'
import { quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstate } from '../../sql/sqlstate.ts'
import type { TierPartition } from '../model/record.ts'

export interface Leaf {
  readonly oid: number
  readonly schema: string
  readonly name: string
}

/** In the order in which they are locked. None: the partition is gone. */
export async function readLeaves(on: Queryable, { oid }: Pick<TierPartition, 'oid'>): Promise<readonly Leaf[]> {
  if (oid === null) return []
  const { rows } = await on.query<Leaf>(sql`
    select c.oid::int8::float8 as oid, n.nspname::text as schema, c.relname::text as name
    from pg_partition_tree(${oid}::oid) t
    join pg_class c on c.oid = t.relid
    join pg_namespace n on n.oid = c.relnamespace
    where t.isleaf
    order by 2, 3`)
  return rows
}

export function nameOf({ schema, name }: Pick<Leaf, 'schema' | 'name'>): string {
  return quoteQualified(schema, name)
}

type LockMode = 'access share' | 'share row exclusive' | 'access exclusive'

export function lockText(relations: readonly string[], mode: LockMode): string {
  return `lock table ${relations.map((relation) => `only ${relation}`).join(', ')} in ${mode} mode`
}

/**
 * Behind their locks: that what was locked by name is what was read before, and that the partition is still where its row says.
 * Where somebody was quicker it is tried again, as if the lock had not been had.
 */
export async function requireSame(tx: Session, record: TierPartition, leaves: readonly Leaf[]): Promise<void> {
  await requirePartition(tx, record)
  const now = await readLeaves(tx, record)
  if (JSON.stringify(now) === JSON.stringify(leaves)) return
  throw Object.assign(new Error(`Partition ${record.name} was changed meanwhile`), {
    code: sqlstate.lockNotAvailable,
  })
}

interface Place {
  readonly there: boolean
  readonly attached: boolean
  readonly schema: string | null
  readonly name: string | null
}

export async function requirePartition(on: Queryable, record: TierPartition): Promise<void> {
  const { there, attached, schema, name } = onlyRow(
    await on.query<Place>(sql`
      select c.oid is not null as there, i.inhrelid is not null as attached, n.nspname::text as schema, c.relname::text as name
      from pgstrata.tier_table t
      left join pg_class c on c.oid = ${record.oid}::oid
      left join pg_namespace n on n.oid = c.relnamespace
      left join pg_inherits i on i.inhrelid = c.oid and i.inhparent = t.table_oid and not i.inhdetachpending
      where t.id = ${record.tierTable}`),
  )
  const known = nameOf(record)
  if (attached && schema === record.schema && name === record.name) return
  throw new StrataError('TIER_STATE', {
    message: `${known} is not the partition that was to be moved any more`,
    expected: `a partition of its table under that name`,
    got: there
      ? attached
        ? `the name ${schema ?? ''}.${name ?? ''}`
        : 'a table that is not attached to it'
      : 'no such table',
    advice: 'Put it back as it was, or run `pgstrata tier abort <table> <partition>`.',
  })
}

/** Two of these are the same only if nothing that is bound to any of the tables was changed in between. */
export async function readDefinition(on: Queryable, leaves: readonly Leaf[]): Promise<string> {
  const each: string[] = []
  for (const { oid } of leaves) each.push(await readFingerprint(on, oid))
  return each.join(' ')
}
