// Notes what happens to a partition while it is moved, by triggers on the tables in which its rows are.
//
// I2. Of every change, at every moment: either it is visible in the snapshot of the move, or it is noted by a transaction that this
// snapshot does not show. For the triggers are made behind SHARE ROW EXCLUSIVE, which waits for every transaction that wrote, and
// committed before the snapshot is taken; and a note is written by the transaction that makes the change, so that it is there
// exactly if the change is. Whoever holds ACCESS EXCLUSIVE and looks at the notes knows all changes that there will ever be before
// its own.
//
// An INSERT is noted as the whole row, so that a row that came late can be put back. Everything else is a touch: what is moved is not
// what is there any more, and the move begins anew. Of a packed partition every change of its loose rows is a touch.
//
// Row triggers, for rows reach a partition through its parent, by COPY and by logical replication as well; ENABLE ALWAYS, so that
// session_replication_role does not switch them off. Who switches them off by hand is found out at the swap.

import { assert } from '../../base/errors.ts'
import { onlyRow, type Queryable, type Session } from '../../db/db.ts'
import { joint, openPatience } from '../../plan/index.ts'
import { quoteIdent, quoteLiteral, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { readSourceColumns, type SourceColumn } from '../model/columns.ts'
import { guardObjects, loosePartition, tableObjects } from '../model/objects.ts'
import { advance, amend, type TierPartition } from '../model/record.ts'
import { inTransaction, NotNow, type MoveRun } from './context.ts'
import { lockText, nameOf, readDefinition, readLeaves, requireSame, type Leaf } from './leaves.ts'

/** Put back at a swap, at most; behind more of them the move begins anew. */
const mostLate = 5_000

/** What a guard stands on. */
export interface Guarded {
  readonly leaves: readonly Leaf[]
  /** Quoted; undefined: it is not packed. */
  readonly loose: string | undefined
}

export async function readGuarded(on: Queryable, record: TierPartition): Promise<Guarded> {
  const { pack, tierTable } = record
  const loose = pack === null ? undefined : quoteQualified('pgstrata', loosePartition(tierTable, pack))
  return { leaves: await readLeaves(on, record), loose }
}

/** Quoted, in the order in which they are locked. */
export function relationsOf({ leaves, loose }: Guarded): readonly string[] {
  return [...leaves.map(nameOf), ...(loose === undefined ? [] : [loose])]
}

/** What can be written: all but generated columns. */
export function written(columns: readonly Pick<SourceColumn, 'name' | 'generated'>[]): string {
  return columns
    .filter(({ generated }) => !generated)
    .map(({ name }) => quoteIdent(name))
    .join(', ')
}

/** In state '…:guarding', whatever is moved: the guard that an earlier attempt left is made anew. */
export async function guardStep(run: MoveRun): Promise<void> {
  await inTransaction(run, {}, async (tx, lockTimeoutMs) => {
    const { record } = run
    const guarded = await readGuarded(tx, record)
    // Dropping a trigger takes ACCESS EXCLUSIVE: taken at once, not in two steps.
    await lockGuarded(tx, run, { guarded, lockTimeoutMs })
    await requireSame(tx, record, guarded.leaves)
    const columns = await readSourceColumns(tx, record.oid ?? 0)
    await tx.query(sql.raw([...unguard(record, guarded), ...guard(record, guarded, columns)].join(joint)))
    // Those of transactions that are under way are not seen, and stay.
    await tx.query(sql`delete from pgstrata.tier_touch where tier_partition = ${record.id}::int8`)
    return await advance(tx, record, 'completed')
  })
}

/**
 * ACCESS EXCLUSIVE on all that a guard stands on. Who changes packed rows has locked their loose rows when it comes to the partition's
 * own tables, and who reads comes to loose rows last. Both have locked the view that reads packs before: behind its lock nobody has
 * one of these and waits for another.
 */
export async function lockGuarded(
  tx: Session,
  { record, clock }: Pick<MoveRun, 'record' | 'clock'>,
  { guarded, lockTimeoutMs }: { readonly guarded: Guarded; readonly lockTimeoutMs: number },
): Promise<void> {
  const relations = relationsOf(guarded)
  if (relations.length === 0) return
  const patience = openPatience(tx, clock, lockTimeoutMs)
  if (guarded.loose !== undefined) {
    // Its row comes before its readers, as everywhere.
    await amend(tx, record, {})
    await tx.query(sql.raw(lockReaders(record)))
    await patience.share()
  }
  await tx.query(sql.raw(lockText(relations, 'access exclusive')))
}

/** ACCESS EXCLUSIVE on what readers of the table's history lock first. Changes nothing. LOCK TABLE of a view would lock all that it reads. */
export function lockReaders({ tierTable }: Pick<TierPartition, 'tierTable'>): string {
  return `alter view ${quoteQualified('pgstrata', tableObjects(tierTable).unpacked)} reset (security_barrier)`
}

function guard(record: TierPartition, { leaves, loose }: Guarded, columns: readonly SourceColumn[]): readonly string[] {
  const names = guardObjects(record.id)
  const late = quoteQualified('pgstrata', names.late)
  const note = quoteQualified('pgstrata', names.note)
  const list = written(columns)
  const body = noteBody(record, late, columns)
  return [
    // From a query: constraints would refuse notes, and generated columns are left out.
    `create table ${late} as select ${list} from only ${nameOf(record)} with no data`,
    `alter table ${late} add column pgstrata_xid xid8 not null default pg_catalog.pg_current_xact_id(), add column pgstrata_leaf oid`,
    `comment on table ${late} is ${quoteLiteral(`Rows that came to ${nameOf(record)} while it is moved.`)}`,
    `create function ${note}()\nreturns trigger\nlanguage plpgsql\nsecurity definer\nset search_path = ''\nas ${quoteLiteral(body)}`,
    `revoke all on function ${note}() from public`,
    ...leaves.flatMap((leaf) => triggersOn(nameOf(leaf), { names, note, argument: '' })),
    ...(loose === undefined ? [] : triggersOn(loose, { names, note, argument: "'touch'" })),
  ]
}

/**
 * One touch for each transaction is enough: a change of many rows would leave as many. A row of columns that are not those of the
 * notes any more is a touch as well: nobody's INSERT fails because a migration came during a move.
 */
function noteBody(record: TierPartition, late: string, columns: readonly SourceColumn[]): string {
  const noted = columns.filter(({ generated }) => !generated)
  const values = noted.map(({ name }) => `new.${quoteIdent(name)}`)
  const known = noted.map(({ name, typeOid }) => `(${quoteLiteral(name)}, ${typeOid}::pg_catalog.oid)`)
  return `begin
  if tg_op = 'INSERT' and tg_nargs = 0 and (
    select count(*)
    from pg_catalog.pg_attribute as a
    where a.attrelid = tg_relid
      and not a.attisdropped
      and (a.attname, a.atttypid) in (${known.join(', ')})
  ) = ${noted.length} then
    insert into ${late} (${written(columns)}, pgstrata_leaf) values (${values.join(', ')}, tg_relid);
  else
    insert into pgstrata.tier_touch (tier_partition, xid)
    select ${record.id}, pg_catalog.pg_current_xact_id()
    where not exists (
      select
      from pgstrata.tier_touch as t
      where t.tier_partition = ${record.id}
        and t.xid = pg_catalog.pg_current_xact_id()
    );
  end if;
  return null;
end`
}

function triggersOn(
  relation: string,
  { names, note, argument }: { names: ReturnType<typeof guardObjects>; note: string; argument: string },
): readonly string[] {
  const { rowTrigger, truncateTrigger } = names
  return [
    `create trigger ${rowTrigger} after insert or update or delete on ${relation} for each row execute function ${note}(${argument})`,
    `create trigger ${truncateTrigger} after truncate on ${relation} for each statement execute function ${note}('touch')`,
    `alter table ${relation} enable always trigger ${rowTrigger}, enable always trigger ${truncateTrigger}`,
  ]
}

/** Takes ACCESS EXCLUSIVE. Nothing happens where it is gone already. */
export function unguard(record: TierPartition, guarded: Guarded): readonly string[] {
  const { late, note, rowTrigger, truncateTrigger } = guardObjects(record.id)
  return [
    ...relationsOf(guarded).flatMap((relation) => [
      `drop trigger if exists ${rowTrigger} on ${relation}`,
      `drop trigger if exists ${truncateTrigger} on ${relation}`,
    ]),
    `drop function if exists ${quoteQualified('pgstrata', note)}()`,
    `drop table if exists ${quoteQualified('pgstrata', late)}`,
  ]
}

export interface Watched {
  /** Something was changed behind the snapshot that is no new row. */
  readonly touched: boolean
  /** Rows that came behind it, counted to one more than `mostLate`. */
  readonly late: number
  /** Every trigger of the guard is there, and on. */
  readonly whole: boolean
}

/** Under a lock behind which nobody writes. */
export async function readWatched(tx: Session, record: TierPartition, guarded: Guarded): Promise<Watched> {
  // Of no snapshot nothing can be told, and SQL would say that nothing came.
  assert(record.snapshot !== null, `Partition ${record.name} has no snapshot in state ${record.state}`)
  const { late, rowTrigger, truncateTrigger } = guardObjects(record.id)
  const relations = relationsOf(guarded)
  const { triggers, ...watched } = onlyRow(
    await tx.query<Omit<Watched, 'whole'> & { triggers: number }>(sql`
      select
        exists (
          select
          from pgstrata.tier_touch
          where tier_partition = ${record.id}::int8
            and not pg_visible_in_snapshot(xid, ${record.snapshot}::pg_snapshot)
        ) as touched,
        (
          select count(*)::int4
          from (
            select
            from ${sql.ident('pgstrata', late)}
            where not pg_visible_in_snapshot(pgstrata_xid, ${record.snapshot}::pg_snapshot)
            limit ${mostLate + 1}
          ) as came
        ) as late,
        (
          select count(*)::int4
          from pg_trigger
          where tgrelid = any(${relations}::regclass[])
            and tgname in (${rowTrigger}, ${truncateTrigger})
            and tgenabled = 'A'
        ) as triggers`),
  )
  return { ...watched, whole: triggers === 2 * relations.length }
}

/**
 * Behind its locks: what was read is what is there, but for rows that came late, of which it tells how many. Else it is not now that
 * anything is replaced.
 */
export async function requireUnchanged(
  tx: Session,
  record: TierPartition,
  guarded: Guarded,
): Promise<Pick<Watched, 'late'>> {
  if ((await readDefinition(tx, guarded.leaves)) !== record.fingerprint) throw new NotNow('its definition was changed')
  const watched = await readWatched(tx, record, guarded)
  requireUntouched(watched)
  return watched
}

export function requireUntouched({ touched, late, whole }: Watched): void {
  if (!whole) throw new NotNow('the triggers that note changes of it were switched off')
  if (touched) throw new NotNow('rows of it were changed or deleted')
  if (late > mostLate) throw new NotNow(`more than ${mostLate.toLocaleString('en-US')} rows came to it`)
}

/**
 * Puts the rows that came behind the snapshot into a table that has all that the snapshot shows. `leaf`: only those that came to
 * this one.
 */
export function putBack(record: TierPartition, columns: readonly SourceColumn[], into: string, leaf?: number): string {
  assert(record.snapshot !== null, `Partition ${record.name} has no snapshot in state ${record.state}`)
  const list = written(columns)
  const { late } = guardObjects(record.id)
  return [
    `insert into ${into} (${list}) overriding system value`,
    `select ${list}`,
    `from ${quoteQualified('pgstrata', late)}`,
    `where not pg_catalog.pg_visible_in_snapshot(pgstrata_xid, ${quoteLiteral(record.snapshot)}::pg_catalog.pg_snapshot)`,
    ...(leaf === undefined ? [] : [`  and pgstrata_leaf = ${leaf}`]),
  ].join('\n')
}
