// What a server does by and by after many rows came, done at once: statistics for its planner, and which pages everybody may see.

import { sql, type Db } from 'pgstrata'
import type { MakeBar } from 'pgstrata-example-kit'
import { withBar } from '../bar.ts'
import { withEach } from '../each.ts'
import { onlyRow } from '../../db/rows.ts'
import { loadedTables } from './taken-down.ts'

const atOnce = 2

export async function tidy(db: Db, bar: MakeBar): Promise<void> {
  const statements = await planTidy(db)
  await withBar(bar({ label: 'Statistics', total: statements.length, unit: 'tables' }), async (progress) => {
    const run = async (statement: string): Promise<void> => {
      await db.query(sql.raw(statement))
      progress.add()
    }
    await withEach({ items: statements, atOnce, work: run })
  })
}

interface Loaded {
  readonly name: string
  readonly isLeaf: boolean
}

/**
 * An analyze of a partitioned table samples its partitions twice, for all of them together and for each. From PostgreSQL 18 on the former can
 * be asked for alone, and each partition is read once for its vacuum and its analyze.
 */
async function planTidy(db: Db): Promise<readonly string[]> {
  const { rows } = await db.query<Loaded>(sql`
    select t.relid::regclass::text as name, t.isleaf as "isLeaf"
    from unnest(${loadedTables}::text[]::regclass[]) as loaded (oid)
    cross join pg_partition_tree(loaded.oid) as t
    order by t.isleaf, pg_relation_size(t.relid) desc`)
  const { others, hasOnly } = onlyRow(
    await db.query<{ others: string; hasOnly: boolean }>(sql`
      select string_agg(c.oid::regclass::text, ', ') as others,
        current_setting('server_version_num')::integer >= 180000 as "hasOnly"
      from pg_class as c
      join pg_namespace as n on n.oid = c.relnamespace
      where c.relkind in ('r', 'm')
        and c.relpersistence = 'p'
        and n.nspname not in ('pg_catalog', 'information_schema')
        and c.oid::regclass::text <> all (${rows.map(({ name }) => name)}::text[])`),
  )
  return [
    `analyze ${others}`,
    ...rows.map(({ name, isLeaf }) => {
      if (!isLeaf) return `analyze ${hasOnly ? 'only ' : ''}${name}`
      return `vacuum ${hasOnly || loadedTables.includes(name) ? '(analyze) ' : ''}${name}`
    }),
  ]
}
