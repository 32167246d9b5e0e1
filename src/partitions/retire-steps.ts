// Carries out one step of a retirement.
//
// Invariants: that a partition is about to be taken out is committed before it begins (or, without CONCURRENTLY, with
// it), so that a run killed at any point is known to the next; what a record says and what was done commit together
// wherever Postgres lets them; nothing is dropped but under a lock under which it was looked at once more.
// On failure: a lock that is not to be had ends the step after the ladder's last rung, and the step is there again in
// the next run. A detach that stopped half-way stays pending: its rows are out of the table already, and FINALIZE ends it.

import { checkpoint, type Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import type { Db, Queryable, Session } from '../db/db.ts'
import { transaction } from '../db/transaction.ts'
import { climb, type Ladder } from '../plan/index.ts'
import { sql, type Sql } from '../sql/sql.ts'
import type { ArchiveHook, PartitionedTable } from './options.ts'
import type { RetirementStep } from './retire-plan.ts'
import {
  forgetDetaching,
  isForeignTable,
  isStillApart,
  noteArchived,
  noteDetached,
  noteDetaching,
  noteFinished,
  readAttachment,
  type Attachment,
  type LiveParent,
  type RetiredRecord,
} from './retire-queries.ts'
import { askUnpacked } from './tier-states.ts'

export interface RetireTools {
  readonly db: Db
  /** Holds the lock of the table; a direct connection. */
  readonly session: Session
  readonly declared: PartitionedTable
  readonly parent: LiveParent
  readonly ladder: Ladder
  readonly clock: Clock
  readonly random: Random
  readonly signal?: AbortSignal | undefined
  /** Throws where the work is not ours any more. */
  readonly confirm: (tx: Queryable) => Promise<void>
  readonly at: Date | undefined
  /** After each commit, for tests: the moments a kill may come. */
  readonly onCommit?: ((what: string) => Promise<void> | void) | undefined
}

/** Something else was there when the lock was had: nothing was done, and the next look decides. */
export class Overtaken extends Error {}

export async function runRetirementStep(tools: RetireTools, step: RetirementStep): Promise<void> {
  const { declared } = tools
  switch (step.kind) {
    case 'detach':
      return step.concurrently
        ? await detachConcurrently(tools, step.partition.oid, () => noteBefore(tools, step))
        : await detachPlainly(tools, step)
    case 'unpack':
      return await note(tools, 'asked', (tx) => askUnpacked(tx, step.partition.oid))
    case 'finalize':
      return await detachConcurrently(tools, step.record.oid)
    case 'note-detached':
      return await note(tools, 'detached', (tx) => noteDetached(tx, declared, step.record.oid, tools.at))
    case 'archive':
      return await archivePartition(tools, step.record)
    case 'drop':
      return await drop(tools, step.record)
    case 'keep':
      return await note(tools, 'kept', (tx) => noteFinished(tx, declared, step.record.oid, { state: 'kept' }))
    case 'forget':
      return await note(tools, 'forgotten', (tx) => forgetDetaching(tx, declared, step.record.oid))
    case 'release':
      return await note(tools, 'released', (tx) =>
        noteFinished(tx, declared, step.record.oid, { state: 'released', note: step.why }),
      )
  }
}

type DetachStep = Extract<RetirementStep, { kind: 'detach' }>

async function noteBefore(tools: RetireTools, step: DetachStep): Promise<void> {
  await note(tools, 'detaching', (tx) => noteDetaching(tx, tools.declared, step.partition))
}

/** DETACH … CONCURRENTLY is two transactions; what stopped between them is ended by FINALIZE. */
async function detachConcurrently(tools: RetireTools, oid: number, before?: () => Promise<void>): Promise<void> {
  const { session, declared, parent } = tools
  // Nobody else's DETACH is taken for ours.
  let isBegun = before === undefined
  await before?.()
  try {
    await climb(tools, async (lockTimeoutMs) => {
      const timeout = sql.raw(`set lock_timeout = '${lockTimeoutMs}ms'`)
      await session.query(timeout)
      const attachment = await readAttachment(session, parent.oid, oid)
      if (attachment === undefined || (attachment.state === 'apart' && !isBegun)) throw new Overtaken()
      const alter = detachOf(declared, attachment)
      if (attachment.state === 'pending') {
        await session.query(sql`begin`)
        await tools.confirm(session)
        await session.query(sql`${alter} finalize`)
        await noteDetached(session, declared, oid, tools.at)
        await session.query(sql`commit`)
        return
      }
      if (attachment.state === 'attached') {
        isBegun = true
        await session.query(sql`${alter} concurrently`)
      }
      await tools.onCommit?.('taken out')
      await note(tools, 'detached', (tx) => noteDetached(tx, declared, oid, tools.at))
    })
  } catch (error) {
    await forgetUnbegun(tools, oid, error).catch(() => undefined)
    throw error
  } finally {
    await session.query(sql`reset lock_timeout`).catch(() => undefined)
  }
}

/** By the name that it has at this moment: one that was looked up before may be another's by now. */
function detachOf(declared: PartitionedTable, partition: Attachment): Sql {
  const { schema, name } = partition
  return sql`alter table ${sql.ident(declared.schema, declared.table)} detach partition ${sql.ident(schema, name)}`
}

/** Refused (a foreign key still needs its rows), without its first lock, or somebody else's: nothing of ours is half-way. */
async function forgetUnbegun({ session, parent, declared }: RetireTools, oid: number, error: unknown): Promise<void> {
  const attachment = await readAttachment(session, parent.oid, oid)
  if (attachment?.state === 'attached' || error instanceof Overtaken) await forgetDetaching(session, declared, oid)
}

/** A longer one keeps everybody waiting: behind its locks, DETACH looks for foreign keys that need the rows. */
const mostStatementMs = 5_000

async function detachPlainly(tools: RetireTools, { partition }: DetachStep): Promise<void> {
  const { declared, parent } = tools
  await climbTransaction(tools, 'detached', async (tx) => {
    // The parent before its partitions, as ALTER TABLE takes them.
    await tx.query(sql`lock table only ${sql.ident(declared.schema, declared.table)} in access exclusive mode`)
    const attachment = await readAttachment(tx, parent.oid, partition.oid)
    if (attachment?.state !== 'attached') throw new Overtaken()
    await tx.query(sql.raw(`set local statement_timeout = '${mostStatementMs}ms'`))
    await tx.query(detachOf(declared, attachment))
    await noteDetaching(tx, declared, partition)
    await noteDetached(tx, declared, partition.oid, tools.at)
  })
}

/**
 * Without the table's lock and without its session: a hook may take hours, in which partitions have to be made. Nothing is
 * lost without them, for it is looked at again under a lock before it is dropped.
 */
export async function archivePartition(
  tools: Omit<RetireTools, 'session' | 'parent' | 'ladder'>,
  record: RetiredRecord,
): Promise<void> {
  const { declared, db, signal, clock, random } = tools
  const hook = declared.retain?.archive
  if (hook === undefined) return
  const once = { lockTimeoutMs: 1_000, clock, random, ...(signal === undefined ? {} : { signal }) }
  const confirmed = async (tx: Session): Promise<void> => {
    await tools.confirm(tx)
    if (!(await isStillApart(tx, record))) throw new Overtaken()
  }
  await transaction(db, confirmed, once)
  await callHook(hook, { db, declared, record, signal })
  checkpoint(signal)
  await transaction(
    db,
    async (tx) => {
      await confirmed(tx)
      await noteArchived(tx, declared, record.oid)
    },
    once,
  )
  await tools.onCommit?.('archived')
}

/** Resolves with the hook, or rejects with the signal: a hook that hangs holds nothing but itself. */
async function callHook(
  hook: ArchiveHook,
  call: Pick<RetireTools, 'db' | 'declared' | 'signal'> & { readonly record: RetiredRecord },
): Promise<void> {
  const { db, declared, record } = call
  const { signal = new AbortController().signal } = call
  const { promise: stopped, reject } = withoutExecutor()
  const onAbort = (): void => {
    try {
      checkpoint(signal)
    } catch (error) {
      reject(error)
    }
  }
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    onAbort()
    const partition = {
      schema: record.schema,
      table: declared.table,
      partition: record.name,
      lower: record.lower,
      upper: record.upper,
    }
    // Behind a promise, so that a hook that throws at once is a hook that failed.
    const calling = Promise.resolve().then(() => hook(partition, { query: (text) => db.query(sql.raw(text)), signal }))
    const answer: unknown = await Promise.race([calling, stopped])
    // No type forbids it in JavaScript, and it cannot mean that all is well.
    if (answer === false) throw new TypeError('it resolved with false')
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function withoutExecutor(): { promise: Promise<never>; reject: (error: unknown) => void } {
  let reject: (error: unknown) => void = () => undefined
  const promise = new Promise<never>((_resolve, rejectIt) => (reject = rejectIt))
  promise.catch(() => undefined)
  return { promise, reject }
}

async function drop(tools: RetireTools, record: RetiredRecord): Promise<void> {
  const table = sql.ident(record.schema, record.name)
  await climbTransaction(tools, 'dropped', async (tx) => {
    const isForeign = await isForeignTable(tx, record.oid)
    // LOCK TABLE takes no foreign table; a comment keeps others from renaming and dropping it just as well.
    await tx.query(
      isForeign ? sql`comment on foreign table ${table} is null` : sql`lock table ${table} in access exclusive mode`,
    )
    if (!(await isStillApart(tx, record))) throw new Overtaken()
    await tx.query(isForeign ? sql`drop foreign table ${table}` : sql`drop table ${table}`)
    await noteFinished(tx, tools.declared, record.oid, { state: 'dropped' })
  })
}

async function climbTransaction(tools: RetireTools, what: string, work: (tx: Session) => Promise<void>): Promise<void> {
  const { session } = tools
  await climb(tools, async (lockTimeoutMs) => {
    await session.query(sql.raw(`begin; set local lock_timeout = '${lockTimeoutMs}ms'`))
    await tools.confirm(session)
    await work(session)
    await session.query(sql`commit`)
  })
  await tools.onCommit?.(what)
}

/** Records alone: nobody's table is locked. */
async function note(tools: RetireTools, what: string, work: (tx: Queryable) => Promise<void>): Promise<void> {
  const { session, clock, random, signal } = tools
  await transaction(
    session,
    async (tx) => {
      await tools.confirm(tx)
      await work(tx)
    },
    { lockTimeoutMs: 1_000, clock, random, ...(signal === undefined ? {} : { signal }) },
  )
  await tools.onCommit?.(what)
}
