// What a server does by and by after many rows came, done at once: statistics for its planner, and which pages everybody may see.

import { sql, type Db } from 'pgstrata'
import { withBar, type MakeBar } from '../bar.ts'
import { withEach } from '../each.ts'
import { loadedTables } from './taken-down.ts'

export async function tidy(db: Db, bar: MakeBar): Promise<void> {
  const { rows } = await db.query<{ name: string }>(sql`
    select t.relid::regclass::text as name
    from unnest(${loadedTables}::text[]::regclass[]) as loaded (oid)
    cross join pg_partition_tree(loaded.oid) as t
    where t.isleaf
    order by pg_relation_size(t.relid) desc`)
  await withBar(bar({ label: 'Statistics', total: rows.length + 1, unit: 'tables' }), async (progress) => {
    const vacuum = async ({ name }: { readonly name: string }): Promise<void> => {
      await db.query(sql.raw(`vacuum ${name}`))
      progress.add()
    }
    await withEach({ items: rows, atOnce: 2, work: vacuum })
    await db.query(sql`analyze`)
    progress.add()
  })
}
