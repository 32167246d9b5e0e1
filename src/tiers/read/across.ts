// One moment of a history: a transaction that locks its readers before it looks at anything, so that no partition goes from one tier
// to another while it reads. Movers wait for it as for any other query; nobody else does.

import { StrataError } from '../../base/errors.ts'
import type { Db, Session } from '../../db/db.ts'
import { rollback } from '../../db/transaction.ts'
import { sql } from '../../sql/sql.ts'
import { sqlstate, sqlstateOf } from '../../sql/sqlstate.ts'
import { readArchives, type ArchiveRecord } from '../archive/catalog.ts'
import type { TierObjects } from '../history/objects.ts'
import { readObjects } from '../history/read-objects.ts'
import type { TieredTable } from '../model/options.ts'
import { findTierTable } from '../model/tables.ts'
import { readerNames } from '../model/objects.ts'

export interface Moment {
  readonly tx: Session
  readonly objects: TierObjects
  /** Of partitions that are in the database no more. */
  readonly archives: readonly ArchiveRecord[]
}

export async function atOneMoment<T>(db: Db, table: TieredTable, work: (moment: Moment) => Promise<T>): Promise<T> {
  return await db.withSession(async (session) => {
    try {
      return await work(await begin(session, table))
    } finally {
      await rollback(session)
    }
  })
}

/** For who takes what it gives bit by bit; the moment is over when all is taken, or nobody wants more. */
export async function* duringOneMoment<T>(
  db: Db,
  table: TieredTable,
  work: (moment: Moment) => AsyncGenerator<T>,
): AsyncGenerator<T> {
  const { session, giveBack } = await borrow(db)
  try {
    yield* work(await begin(session, table))
  } finally {
    await rollback(session)
    await giveBack()
  }
}

interface Borrowed {
  readonly session: Session
  readonly giveBack: () => Promise<void>
}

async function borrow(db: Db): Promise<Borrowed> {
  let end: () => void = () => undefined
  const ended = new Promise<void>((resolve) => (end = resolve))
  return await new Promise<Borrowed>((resolve, reject) => {
    const over: Promise<void> = db.withSession(async (session) => {
      const giveBack = async (): Promise<void> => {
        end()
        await over
      }
      resolve({ session, giveBack })
      await ended
    })
    over.catch(reject)
  })
}

/** None of the first statements takes a snapshot: what is read behind the lock is as it stays. */
async function begin(tx: Session, { partitioned: { schema, table } }: TieredTable): Promise<Moment> {
  await tx.query(sql`begin isolation level repeatable read`)
  // Bounds are told as schema "pgstrata" keeps them.
  await tx.query(sql`set local timezone = 'UTC'`)
  await tx.query(sql`set local datestyle = 'ISO, YMD'`)
  const history = sql.ident(schema, readerNames({ table }).history)
  await tx.query(sql`lock table ${history} in access share mode`).catch((error: unknown) => {
    throw sqlstateOf(error) === sqlstate.undefinedTable ? notApplied(`${schema}.${table}`) : error
  })
  const known = await findTierTable(tx, { schema, table })
  if (known === undefined) throw notApplied(`${schema}.${table}`)
  const objects = await readObjects(tx, known.id)
  return { tx, objects, archives: await readArchives(tx, { schema, table, states: ['only copy'] }) }
}

function notApplied(table: string): StrataError {
  return new StrataError('TIER_STATE', {
    message: `Tiers of table ${table} are declared and not applied`,
    advice: 'Run `pgstrata apply`.',
  })
}
