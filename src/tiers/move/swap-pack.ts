// The swap of a pack: one short transaction in which the partition is emptied and its pack is read instead.
//
// I1. Of every row exactly one of partition, loose rows and pack has it, in every snapshot that reads the history: readers lock the
// replaced view before the partition, so that they find all as before or all as behind the swap; nobody is left whose snapshot is
// older than the pack (barrier.ts); and rows that came late can be read by snapshots that do not see the swap (late-rows.ts).
// I2. Nothing is emptied unless, behind ACCESS EXCLUSIVE on the partition's tables, the guard shows that since the snapshot of the
// pack nothing was changed but for rows that came late, and the definition is what it was. That the pack has the content of that
// snapshot was found before it was committed. Rows that came late are put back, from the notes of the guard.
// I3. Nothing that only moves is captured: triggers of others are off for this transaction, and each is what it was behind it. The
// server's own, of foreign keys, stay on.
// I5. The table above is not locked: writers of its other partitions notice nothing.
//
// A rung of the ladder is one whole try; on failure nothing of it took effect.

import { onlyRow, type Session } from '../../db/db.ts'
import { joint, openPatience } from '../../plan/index.ts'
import { quoteIdent, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { assert } from '../../base/errors.ts'
import { keepLateRows, type LateNotes } from '../history/late-rows.ts'
import { packObjects } from '../history/pack-objects.ts'
import { readSourceColumns } from '../model/columns.ts'
import { guardObjects, packedKeyTrigger } from '../model/objects.ts'
import { advance, type TierPartition } from '../model/record.ts'
import { goAnew, packRemains } from './anew.ts'
import { inTransaction, NotNow, type MoveRun } from './context.ts'
import { putBack, readGuarded, relationsOf, requireUnchanged, unguard, type Guarded } from './guard.ts'
import { lockText, nameOf, readDefinition, requireSame, type Leaf } from './leaves.ts'
import { findPublication } from './publications.ts'
import { replaceReaders } from './readers.ts'

export async function swapPackStep(run: MoveRun): Promise<void> {
  const guarded = await readGuarded(run.session, run.record)
  try {
    await inTransaction(run, {}, (tx, lockTimeoutMs) => swap(tx, run, { guarded, lockTimeoutMs }))
  } catch (error) {
    if (!(error instanceof NotNow)) throw error
    await goAnew(run, error.message)
  }
}

async function swap(
  tx: Session,
  run: MoveRun,
  { guarded, lockTimeoutMs }: { readonly guarded: Guarded; readonly lockTimeoutMs: number },
): Promise<TierPartition> {
  const { record } = run
  const { leaves } = guarded
  // Asked again behind the locks; readers of other columns than the pack has cannot be made.
  if ((await readDefinition(tx, leaves)) !== record.fingerprint) throw new NotNow('its definition was changed')
  const patience = openPatience(tx, run.clock, lockTimeoutMs)
  const next = await advance(tx, record, 'completed', { pack: record.nextPack, fingerprint: null })
  await tx.query(sql`update pgstrata.tier_pack set state = 'live' where id = ${next.pack}::int8`)
  // By the row as it is now.
  const objects = await replaceReaders(tx, run)
  for (const relation of relationsOf(guarded)) {
    await patience.share()
    await tx.query(sql.raw(lockText([relation], 'access exclusive')))
  }
  await requireSame(tx, record, leaves)
  const { late } = await requireUnchanged(tx, record, guarded)
  if (late > 0) await requireUntold(tx, leaves)
  const columns = await readSourceColumns(tx, record.oid ?? 0)
  const triggers = await readTriggers(tx, leaves)
  const pack = objects.packs.find(({ id }) => id === next.pack)
  assert(pack !== undefined, `Pack ${String(next.pack)} of partition ${record.name} is not among those that are read`)
  const keep = late === 0 ? [] : keepLateRows(objects, pack, await readNotes(tx, record))
  const statements = [
    ...leaves.map((leaf) => `alter table only ${nameOf(leaf)} disable trigger user`),
    `truncate ${leaves.map((leaf) => `only ${nameOf(leaf)}`).join(', ')}`,
    ...leaves.map((leaf) => putBack(record, columns, nameOf(leaf), leaf.oid)),
    // Deferred checks of those rows would be in the way of what follows.
    'set constraints all immediate',
    ...triggers.flatMap(restoreOf),
    ...keep,
    ...unguard(record, guarded),
    ...leaves.map((leaf) => `drop trigger if exists ${packedKeyTrigger} on ${nameOf(leaf)}`),
    ...(record.pack === null ? [] : packRemains(record.tierTable, record.pack)),
    ...packObjects(objects, pack).onLeaf,
  ]
  await tx.query(sql.raw(statements.join(joint)))
  if (keep.length > 0) await replaceReaders(tx, run)
  if (record.pack !== null) await tx.query(sql`delete from pgstrata.tier_pack where id = ${record.pack}::int8`)
  await tx.query(sql`delete from pgstrata.tier_touch where tier_partition = ${record.id}::int8`)
  return next
}

/** Rows that came late have been told when they came, and would be again. */
async function requireUntold(tx: Session, leaves: readonly Leaf[]): Promise<void> {
  for (const { oid } of leaves) {
    const name = await findPublication(tx, oid, { of: 'insert', withOwn: false })
    if (name !== undefined) throw new NotNow(`rows came to it, and publication "${name}" would tell of them twice`)
  }
}

async function readNotes(tx: Session, { id, snapshot }: TierPartition): Promise<LateNotes> {
  const { xid, system } = onlyRow(
    await tx.query<{ xid: string; system: string }>(sql`
      select pg_current_xact_id()::text as xid, system_identifier::text as system
      from pg_control_system()`),
  )
  return { notes: quoteQualified('pgstrata', guardObjects(id).late), snapshot: snapshot ?? '', xid, system }
}

interface Trigger {
  /** As SQL writes it. */
  readonly table: string
  readonly name: string
  /** O, D, R or A, as pg_trigger has it. */
  readonly enabled: string
}

/** Of others than the guard, and than the server itself. */
async function readTriggers(tx: Session, leaves: readonly Leaf[]): Promise<readonly Trigger[]> {
  const { rowTrigger, truncateTrigger } = guardObjects(0n)
  const found: Trigger[] = []
  for (const leaf of leaves) {
    const { rows } = await tx.query<Omit<Trigger, 'table'>>(sql`
      select tgname::text as name, tgenabled::text as enabled
      from pg_trigger
      where tgrelid = ${leaf.oid}::oid
        and not tgisinternal
        and tgname not in (${rowTrigger}, ${truncateTrigger}, ${packedKeyTrigger})
      order by tgname`)
    found.push(...rows.map((row) => ({ ...row, table: nameOf(leaf) })))
  }
  return found
}

const enabling: Readonly<Record<string, string>> = { O: 'enable', A: 'enable always', R: 'enable replica' }

function restoreOf({ table, name, enabled }: Trigger): readonly string[] {
  const how = enabling[enabled]
  return how === undefined ? [] : [`alter table only ${table} ${how} trigger ${quoteIdent(name)}`]
}
