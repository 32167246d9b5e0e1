// The partition that is measured: the one with the most rows, and what it takes.

import type pg from 'pg'
import type { Strata } from 'pgstrata'

export interface MeasuredPartition {
  readonly name: string
  readonly rows: number
  /** Its bounds. */
  readonly from: Date
  readonly to: Date
}

/** Of the partitions that are over, so that nothing comes to it. */
export async function largestPartition(client: pg.Client, table: string, time: string): Promise<MeasuredPartition> {
  const { rows } = await client.query<MeasuredPartition>(
    `select name, rows::float8 as rows, bounds[1]::timestamptz as from, bounds[2]::timestamptz as to
    from (
      select c.relname as name, n.rows,
        regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \\(''(.+)''\\) TO \\(''(.+)''\\)') as bounds
      from (select tableoid, count(*) as rows from ${table} group by tableoid having max(${time}) < now() - interval '1 hour') as n
      join pg_class as c on c.oid = n.tableoid
    ) as p
    where bounds[2]::timestamptz <= now()
    order by rows desc
    limit 1`,
  )
  const [largest] = rows
  if (largest === undefined) throw new Error(`No partition of ${table} is over`)
  return largest
}

/** Vacuumed and on disk: what is measured next waits for nothing of what was before. */
export async function settle(client: pg.Client): Promise<void> {
  await client.query('vacuum (analyze)')
  await client.query('checkpoint')
}

export async function sizesOf(
  { tiers }: Pick<Strata, 'tiers'>,
  table: string,
  { name }: Pick<MeasuredPartition, 'name'>,
): Promise<{ readonly mb: number; readonly archiveMb: number }> {
  const [status] = await tiers.status(table)
  const found = status?.partitions.find((partition) => partition.name === name)
  if (found === undefined) throw new Error(`The status of ${table} does not have ${name}`)
  return { mb: found.sizeBytes / 1e6, archiveMb: (found.archiveBytes ?? 0) / 1e6 }
}
