// Makes again what was taken down, two indexes at a time, from the notes: after a load, after one that was stopped, and after one that
// was killed.
//
// Promises: stopped anywhere it can be called again, and goes on with what is left. A partition that came meanwhile gets its indexes, too.

import { transaction, type Db, type Session } from 'pgstrata'
import { sql } from 'pgstrata'
import { withEach } from '../each.ts'
import { forgetAll, forgetPart, readTakenDown, type PartKind, type TakenDown } from './taken-down.ts'

export interface PutBackOptions {
  /** Told of each that is there again. */
  readonly onPart?: (kind: PartKind) => void
  readonly signal?: AbortSignal | undefined
}

const atOnce = 2
/** For each of two. */
const memory = '256MB'

/** How many there were. */
export async function putBack(db: Db, { onPart = () => undefined, signal }: PutBackOptions = {}): Promise<number> {
  const parts = await readTakenDown(db)
  const of = (kind: PartKind): readonly TakenDown[] => parts.filter((part) => part.kind === kind)
  const make = async (part: TakenDown): Promise<void> => {
    signal?.throwIfAborted()
    await transaction(db, (tx) => makeAgain(tx, part), { settings: { maintenance_work_mem: memory } })
    onPart(part.kind)
  }
  // An index of all partitions takes in those of each, so they are first. Keys lock the whole table: one after the other.
  await withEach({ items: of('leaf'), atOnce, work: make })
  await withEach({ items: of('index'), atOnce: 1, work: make })
  await withEach({ items: of('key'), atOnce: 1, work: make })
  await transaction(db, (tx) => forgetAll(tx))
  return parts.length
}

async function makeAgain(tx: Session, part: TakenDown): Promise<void> {
  const { onTable, statement } = part
  const { rows } = await tx.query(sql`select from pg_class where oid = to_regclass(${onTable})`)
  // A partition that was dropped meanwhile needs none.
  if (rows.length > 0) await tx.query(sql.raw(statement))
  await forgetPart(tx, part)
}
