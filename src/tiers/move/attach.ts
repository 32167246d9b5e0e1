// Gives a period that has no partition its partition back: what restoring ends with.
//
// I1. Who reads live rows and archives in one snapshot has locked the view of what is packed before he took it: behind the lock of that
// view nobody is left to whom the archive has the rows, and the partition too.
// What holds: the table that was filled is complete before it is attached, with a CHECK of its bounds and validated foreign keys, so
// nobody is kept from the table but for a moment: ATTACH takes SHARE UPDATE EXCLUSIVE on it, and ACCESS EXCLUSIVE on its default
// partition alone. Rows of the period that came to the default partition meanwhile go along, in the same transaction; they were
// counted when they came, so nothing that notes changes sees them move (I3).

import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Queryable, type Session } from '../../db/db.ts'
import { readParent } from '../../partitions/for-tiers.ts'
import { openPatience } from '../../plan/index.ts'
import { quoteIdent, quoteLiteral, quoteQualified } from '../../sql/quote.ts'
import { sql } from '../../sql/sql.ts'
import { readSourceColumns } from '../model/columns.ts'
import { advance, amend, type Changes, type TierPartition } from '../model/record.ts'
import { inTransaction, type MoveRun } from './context.ts'
import { lockReaders, written } from './guard.ts'
import {
  attachStatements,
  boundCondition,
  incomingName,
  leavesOfIncoming,
  renameParts,
  runAll,
  type IncomingSubject,
} from './incoming.ts'
import { findPublication } from './publications.ts'
import { addReferences } from './references.ts'

/** Moved out of the default partition while it is locked. */
const mostStray = 5_000
/** A statement behind the locks that takes longer keeps everybody waiting. */
const mostStatementMs = 5_000

interface AttachOptions {
  /** Noted with the change of state. */
  readonly changes?: Changes
  /** What else is done in the same transaction. */
  readonly within?: (tx: Session) => Promise<void>
}

export async function attachIncoming(run: MoveRun, options: AttachOptions = {}): Promise<void> {
  const { table, record } = run
  const { schema, table: name } = table.partitioned
  const subject: IncomingSubject = { table, record, form: 'whole' }
  const parent = await readParent(run.session, table.partitioned)
  if (parent === undefined) {
    throw new StrataError('TIER_STATE', {
      message: `${quoteQualified(schema, name)} is not laid out as declared any more`,
    })
  }
  await requireFree(run.session, quoteQualified(schema, record.name))
  const above = { oid: parent.oid, schema, name }
  await addReferences(
    run,
    leavesOfIncoming(subject).map((incoming) => ({ leaf: above, incoming })),
  )
  await inTransaction(run, {}, (tx, lockTimeoutMs) =>
    attach(tx, run, { subject, parentOid: parent.oid, lockTimeoutMs, options }),
  )
}

async function requireFree(on: Queryable, name: string): Promise<void> {
  const { rows } = await on.query(sql`select where to_regclass(${name}) is not null`)
  if (rows.length === 0) return
  throw new StrataError('TIER_STATE', {
    message: `The name ${name} of the partition belongs to another relation by now`,
    advice: 'Rename that one, or drop it; then run the command again.',
  })
}

interface Attachment {
  readonly subject: IncomingSubject
  readonly parentOid: number
  readonly lockTimeoutMs: number
  readonly options: AttachOptions
}

async function attach(
  tx: Session,
  run: MoveRun,
  { subject, parentOid, lockTimeoutMs, options }: Attachment,
): Promise<TierPartition> {
  const { table, record } = run
  const { schema, table: name } = table.partitioned
  const statements = await attachStatements(tx, subject, { name: record.name, bound: boundOf(record) })
  const patience = openPatience(tx, run.clock, lockTimeoutMs)
  // Before it replaces, or holds up, a reader.
  const ours = await amend(tx, record, {})
  await runAll(tx, [lockReaders(record)])
  await patience.share()
  await runAll(tx, [`lock table only ${quoteQualified(schema, name)} in share update exclusive mode`])
  await patience.share()
  await runAll(tx, [`set local statement_timeout = '${mostStatementMs}ms'`])
  await takeStray(tx, subject, parentOid)
  await runAll(tx, ['set constraints all immediate', ...statements])
  await renameParts(tx, subject, record.name)
  await runAll(tx, ['set local statement_timeout = 0'])
  const { oid } = onlyRow(
    await tx.query<{ oid: number }>(
      sql`select ${quoteQualified(schema, record.name)}::regclass::oid::int8::float8 as oid`,
    ),
  )
  await options.within?.(tx)
  // A person brought it back: a policy would take it away again at once.
  return await advance(tx, ours, 'completed', {
    schema,
    oid,
    held: true,
    heapBytes: null,
    tierBytes: null,
    ...options.changes,
  })
}

function boundOf({ lower, upper }: TierPartition): string {
  const side = (bound: string): string => (/^(min|max)value$/i.test(bound) ? bound : quoteLiteral(bound))
  return `for values from (${side(lower)}) to (${side(upper)})`
}

/** ATTACH refuses a period of which the default partition has rows. */
async function takeStray(tx: Session, subject: IncomingSubject, parentOid: number): Promise<void> {
  const { rows } = await tx.query<{ name: string; oid: number }>(sql`
    select format('%I.%I', n.nspname, c.relname) as name, c.oid::int8::float8 as oid
    from pg_partitioned_table p
    join pg_class c on c.oid = p.partdefid
    join pg_namespace n on n.oid = c.relnamespace
    where p.partrelid = ${parentOid}::oid
      and c.relkind = 'r'`)
  const [found] = rows
  if (found === undefined) return
  const condition = boundCondition(subject)
  await runAll(tx, [`lock table ${found.name} in access exclusive mode`])
  const { count } = onlyRow(
    await tx.query<{ count: number }>(
      sql.raw(
        `select count(*)::int4 as count from (select from ${found.name} where ${condition} limit ${mostStray + 1}) as stray`,
      ),
    ),
  )
  if (count === 0) return
  if (count > mostStray) {
    throw new StrataError('TIER_REFUSED', {
      message: `More than ${mostStray.toLocaleString('en-US')} rows of the period are in the default partition ${found.name}`,
      advice: 'Move them into a table of your own first, and insert them again behind the restore.',
    })
  }
  const publication = await findPublication(tx, found.oid, { of: 'delete', withOwn: true })
  if (publication !== undefined) {
    throw new StrataError('TIER_REFUSED', {
      message: `Rows of the period are in the default partition ${found.name}, and publication "${publication}" would tell that they are deleted`,
      advice: 'Move them into a table of your own first, and insert them again behind the restore.',
    })
  }
  const { schema } = subject.table.partitioned
  const list = written(await readSourceColumns(tx, parentOid))
  const triggersOn = await readTriggerStates(tx, found)
  await runAll(tx, [
    `alter table ${found.name} disable trigger user`,
    `with stray as (delete from ${found.name} where ${condition} returning ${list})
insert into ${quoteQualified(schema, incomingName(subject.record.id))} (${list})
overriding system value
select ${list} from stray`,
    ...triggersOn,
  ])
}

const states: Readonly<Record<string, string>> = { O: 'enable', A: 'enable always', R: 'enable replica' }

/** Puts them back as they are now. */
async function readTriggerStates(
  on: Queryable,
  { name, oid }: { name: string; oid: number },
): Promise<readonly string[]> {
  const { rows } = await on.query<{ trigger: string; enabled: string }>(sql`
    select tgname::text as trigger, tgenabled as enabled
    from pg_trigger
    where tgrelid = ${oid}::oid
      and not tgisinternal
      and tgenabled <> 'D'
    order by tgname`)
  return rows.map(
    ({ trigger, enabled }) => `alter table ${name} ${states[enabled] ?? 'enable'} trigger ${quoteIdent(trigger)}`,
  )
}
