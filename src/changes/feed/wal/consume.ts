// The feed from the WAL, for as long as this process holds the lease: what may be wrong is looked at first, then it
// streams, and while it does, looks again.
//
// What must be true: before the stream begins, the slot is there and holds everything since the last acknowledgement, and the
// publications hold the declared tables; where that cannot be, a new epoch begins, with a new slot, and all listeners are told.
// A table that joins has changes that nobody captured: that is a new epoch, too.

import { StrataError } from '../../../base/errors.ts'
import { beginEpoch, findBreak, markEpoch, readEpoch, readIdentity, type Epoch } from '../epoch.ts'
import type { Consumption, EpochMemory } from '../consumption.ts'
import { maxLsn } from '../../../db/lsn.ts'
import { trimOutbox } from '../outbox/install.ts'
import { emptyOutbox } from '../outbox/room.ts'
import {
  comparePublications,
  publications,
  readTables,
  syncPublications,
  type CapturedTables,
  type FeedTable,
  type SyncVerdict,
} from './captured-tables.ts'
import type { LooseTable } from './loose.ts'
import {
  createSlot,
  dropOtherSlots,
  dropSlot,
  emitHeartbeat,
  freeSlot,
  readSlot,
  readSlotPrefix,
  readWalSettings,
  requireSafe,
  type SlotState,
} from './slot.ts'
import { WalStream } from './stream.ts'
import { watchTruncations } from './truncations.ts'

const freeWaitMs = 10_000

/** Ends only by an error, or when its signal fires. */
export async function consumeWal(consumption: Consumption): Promise<never> {
  const { db, listeners, clock, signal, lease } = consumption
  const tables = await readTables(db, consumption.tables)
  consumption.report({ findings: tables.findings })
  const epoch = await settle(consumption, tables)
  const slot = epoch.slot ?? ''
  await freeSlot(db, { name: slot, waitMs: freeWaitMs, clock, signal })
  if (!epoch.isTold) {
    await listeners.reset({ epoch: epoch.epoch, why: epoch.why }, signal)
    await markEpoch(db, lease, { epoch: epoch.epoch, mark: 'told' })
  }
  const keys = new Map(tables.captured.map(({ schema, table, primaryKey }) => [nameOf(schema, table), primaryKey]))
  const roots = new Map(tables.captured.map(({ oid, schema, table }) => [Number(oid), { schema, table }]))
  const loose = new Map(
    tables.captured.flatMap((one) => (one.loose === undefined ? [] : [[Number(one.loose.oid), one.loose]])),
  )
  const state = await readSlot(db, slot)
  // Never less than the server knows: an acknowledgement that goes back could move the slot back.
  const memory = consumption.recall(epoch.epoch)
  memory.handled = maxLsn(memory.handled, state?.confirmed ?? 0n)
  for (;;) {
    // Its own connection of a moment ago may still be there.
    await freeSlot(db, { name: slot, waitMs: freeWaitMs, clock, signal })
    await streamWatched(consumption, { slot, memory, keys, roots, loose })
  }
}

interface Streaming {
  readonly slot: string
  readonly memory: EpochMemory
  readonly keys: ReadonlyMap<string, readonly string[] | undefined>
  /** By oid. */
  readonly roots: ReadonlyMap<number, FeedTable>
  readonly loose: ReadonlyMap<number, LooseTable>
}

/** Both end together: the stream, and looking at what it stands on. */
async function streamWatched(consumption: Consumption, { slot, memory, keys, roots, loose }: Streaming): Promise<void> {
  const ending = new AbortController()
  const signal = AbortSignal.any([consumption.signal, ending.signal])
  const stream = new WalStream({
    consumption: { ...consumption, signal },
    slot,
    memory,
    publications: Object.values(publications),
    primaryKeyOf: (schema, table) => keys.get(nameOf(schema, table)),
    tableOf: (oid) => roots.get(oid),
    looseOf: (oid) => loose.get(oid),
  })
  const streaming = stream.run()
  const watching = watch({ ...consumption, signal }, { slot, stream })
  try {
    await Promise.race([streaming, watching])
  } finally {
    ending.abort()
    await Promise.allSettled([streaming, watching])
  }
}

async function watch(consumption: Consumption, { slot, stream }: { slot: string; stream: WalStream }): Promise<never> {
  const { db, clock, signal, limits, report } = consumption
  for (;;) {
    const state = await readSlot(db, slot)
    const tables = await readTables(db, consumption.tables)
    if (state !== undefined) report({ lagBytes: state.lagBytes, retainedBytes: state.retainedBytes })
    const { captured } = tables
    const unwatched = await watchTruncations(db, { captured, lockTimeoutMs: limits.lockTimeoutMs })
    report({ findings: [...tables.findings, ...unwatched] })
    const why = findWalBreak(consumption, state)
    if (why !== undefined) throw new StrataError('FEED_LOST', { message: `The feed must begin anew: ${why}` })
    if ((await comparePublications(db, captured)) !== 'same')
      throw new StrataError('FEED_LOST', { message: 'The declared tables have changed' })
    if (stream.isIdle) await emitHeartbeat(db)
    await clock.sleep(limits.heartbeatMs, signal)
  }
}

/** The epoch to go on with: the one that is recorded, or a new one. */
async function settle(consumption: Consumption, tables: CapturedTables): Promise<Epoch> {
  const { db, limits } = consumption
  const known = await readEpoch(db)
  const identity = await readIdentity(db)
  const verdict = await comparePublications(db, tables.captured)
  const state = known?.slot === undefined ? undefined : await readSlot(db, known.slot)
  const why = findBreak(known, { ...identity, source: 'wal' }) ?? findWalBreak(consumption, state) ?? findJoin(verdict)
  if (why === undefined && known !== undefined) {
    if (verdict === 'leaving')
      await syncPublications(db, { captured: tables.captured, lockTimeoutMs: limits.lockTimeoutMs })
    return known
  }
  return await beginWalEpoch(consumption, { tables, identity, why: why ?? 'the feed begins' })
}

function findWalBreak({ ownCapBytes }: Consumption, state: SlotState | undefined): string | undefined {
  if (state === undefined) return 'its replication slot is gone'
  if (state.isLost) return 'the server has removed WAL that its replication slot needed'
  if (ownCapBytes !== undefined && state.retainedBytes > ownCapBytes)
    return 'its replication slot held more WAL than it may'
  return undefined
}

function findJoin(verdict: SyncVerdict): string | undefined {
  return verdict === 'joining' ? 'tables were added to it' : undefined
}

interface Beginning {
  readonly tables: CapturedTables
  readonly identity: { readonly systemId: string; readonly timeline: number }
  readonly why: string
}

/** The publications before the slot: decoding looks at them as they were at the time of a change. */
async function beginWalEpoch(consumption: Consumption, { tables, identity, why }: Beginning): Promise<Epoch> {
  const { db, lease, limits, clock, signal, ownCapBytes } = consumption
  requireSafe(await readWalSettings(db), ownCapBytes)
  const prefix = await readSlotPrefix(db)
  // Before anything is changed: what is cut off here must not look as if nothing had been missed.
  const epoch = await beginEpoch(db, lease, { ...identity, source: 'wal', slotPrefix: prefix, why })
  const { lockTimeoutMs } = limits
  await syncPublications(db, { captured: tables.captured, lockTimeoutMs })
  await watchTruncations(db, { captured: tables.captured, lockTimeoutMs })
  await trimOutbox(db, { captured: [], lockTimeoutMs })
  await emptyOutbox(db, { lease, clock, signal })
  const name = epoch.slot ?? ''
  await dropOtherSlots(db, { prefix, keep: name, waitMs: freeWaitMs, clock, signal })
  try {
    await createSlot(db, { name, timeoutMs: limits.slotTimeoutMs })
    await markEpoch(db, lease, { epoch: epoch.epoch, mark: 'made' })
  } catch (error) {
    // The next one to begin would drop it too; until then it would hold WAL.
    await dropSlot(db, name).catch(() => undefined)
    throw error
  }
  return { ...epoch, isMade: true }
}

function nameOf(schema: string, table: string): string {
  return JSON.stringify([schema, table])
}
