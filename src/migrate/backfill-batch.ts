// One batch of a backfill: the next rows in the order of the key, locked and changed.
//
// Promises: what is locked is what is changed, each row once. Rows are locked by one statement and changed by the next, which sees what is
// locked and meets no row that a writer changed meanwhile. In one, the server would look at such a row a second time: PostgreSQL 18.4 has
// crashed there in a statement that also found its partitions while it ran.

import type { Session } from '../db/db.ts'
import { sql, type Sql } from '../sql/sql.ts'

/** The columns of the primary key, in its order. */
export interface BackfillKey {
  readonly columns: readonly string[]
  readonly types: readonly string[]
}

export interface BackfillBatch {
  readonly table: readonly string[]
  readonly set: Sql
  readonly where?: Sql
  readonly key: BackfillKey
  /** The key of the last row of the batch before, as text. */
  readonly after: readonly string[] | null
  /** Rows at the most. */
  readonly limit: number
}

/** In a transaction. undefined: the end of the table was reached. */
export async function changeBatch(
  tx: Session,
  batch: BackfillBatch,
): Promise<{ readonly position: readonly string[]; readonly changed: number } | undefined> {
  const keys = await lockRows(tx, batch)
  const position = keys.at(-1)
  return position === undefined ? undefined : { position, changed: await changeRows(tx, batch, keys) }
}

type KeyValues = readonly string[]

/** Their keys, as text. */
async function lockRows(
  tx: Session,
  { table, where, key, after, limit }: BackfillBatch,
): Promise<readonly KeyValues[]> {
  const columns = sql.join(key.columns.map((column) => sql.ident(column)))
  const texts = sql.join(key.columns.map((column) => sql`${sql.ident(column)}::text`))
  const isNext =
    after === null
      ? sql`true`
      : sql`(${columns}) > (${sql.join(key.types.map((type, index) => sql`${after[index]}::${sql.raw(type)}`))})`
  const { rows } = await tx.query<{ pgstrata_key: string[] }>(sql`
    select array[${texts}] as pgstrata_key
    from ${sql.ident(...table)}
    where ${isNext}
      and (${where ?? sql`true`})
    order by ${columns}
    limit ${limit}
    for no key update`)
  return rows.map((row) => row.pgstrata_key)
}

async function changeRows(
  tx: Session,
  { table, set, key }: BackfillBatch,
  keys: readonly KeyValues[],
): Promise<number> {
  const columns = key.columns.map((column, index) => ({
    name: sql.ident(column),
    type: sql.raw(key.types[index] ?? 'text'),
    picked: sql.raw(`pgstrata_key_${index}`),
    values: keys.map((values) => values[index]),
  }))
  const { rowCount } = await tx.query(sql`
    update ${sql.ident(...table)} as target
    set ${set}
    from (
      select ${sql.join(columns.map(({ picked, type }) => sql`${picked}::${type} as ${picked}`))}
      from unnest(${sql.join(columns.map(({ values }) => sql`${values}::text[]`))}) as locked (${sql.join(columns.map(({ picked }) => picked))})
    ) as picked
    where ${sql.join(
      columns.map(({ name, picked }) => sql`target.${name} = picked.${picked}`),
      ' and ',
    )}`)
  return rowCount
}
