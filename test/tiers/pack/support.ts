// A table, packed, in a database that has the catalog.

import type { Db, Session } from '../../../src/db/db.ts'
import { onlyRow } from '../../../src/db/db.ts'
import { sql } from '../../../src/sql/sql.ts'
import { readSourceColumns, type SourceColumn } from '../../../src/tiers/model/columns.ts'
import { buildPack, type Packed, type PackOrder } from '../../../src/tiers/pack/build.ts'

export interface PackedTable {
  /** As SQL writes it, with its schema. */
  readonly table: string
  readonly axis?: string
  readonly segmentBy?: readonly string[]
  readonly orderBy?: PackOrder['warm']['orderBy']
  readonly rows?: number
  readonly id: bigint
}

/** In one transaction, as a move does it. `look`: before it commits. */
export async function packTable(
  db: Db,
  { table, axis = 'at', segmentBy = [], orderBy, rows = 1000, id }: PackedTable,
  look?: (tx: Session) => Promise<void>,
): Promise<Packed> {
  return await db.withSession(async (session) => {
    const { oid } = onlyRow(
      await session.query<{ oid: number }>(sql`select ${table}::regclass::oid::int8::float8 as oid`),
    )
    await session.query(sql`begin isolation level repeatable read`)
    try {
      const packed = await buildPack(session, {
        id,
        source: `only ${table}`,
        columns: await readSourceColumns(session, oid),
        warm: { segmentBy, orderBy: orderBy ?? [{ column: axis, descending: false }], rows },
        axis,
      })
      await look?.(session)
      await session.query(sql`commit`)
      return packed
    } catch (error) {
      await session.query(sql`rollback`)
      throw error
    }
  })
}

/** Column `v`, the second of its table. */
export function sourceColumn(type: string, more: Partial<SourceColumn> = {}): SourceColumn {
  return {
    name: 'v',
    attnum: 2,
    type,
    typmod: type,
    typeOid: 1,
    base: type,
    collation: undefined,
    notNull: false,
    identity: undefined,
    generated: false,
    kind: 'base',
    hasArray: true,
    groupable: true,
    orderable: true,
    missing: undefined,
    ...more,
  }
}
