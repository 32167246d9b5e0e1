// The feed from the outbox, for as long as this process holds the lease: numbers what has become visible, hands it on, takes
// it away, and sleeps until it is rung for or a second has passed.
//
// What must be true: what stands in the outbox is taken away only when every listener has handled it. Where it outgrew its cap,
// with a consumer or without, writers have stopped noting (triggers.ts): it is emptied, and a new epoch begins.

import { checkpoint } from '../../../base/clock.ts'
import { StrataError } from '../../../base/errors.ts'
import { openDoorbell, type Doorbell } from '../../../db/doorbell.ts'
import { maxLsn } from '../../../db/lsn.ts'
import type { Consumption, EpochMemory } from '../consumption.ts'
import { beginEpoch, findBreak, markEpoch, readEpoch, readIdentity, type Epoch } from '../epoch.ts'
import { dropPublications, readTables, type CapturedTables } from '../wal/captured-tables.ts'
import { dropOtherSlots, readSlotPrefix } from '../wal/slot.ts'
import { watchTruncations } from '../wal/truncations.ts'
import { installOutbox, isInstalled, trimOutbox, type OutboxTable } from './install.ts'
import {
  numberTransactions,
  readNotes,
  readNumbered,
  removeTransaction,
  type Mark,
  type NumberedTransaction,
  type NumberingPass,
} from './queue.ts'
import { emptyOutbox, isOutboxFull, outgrown, outwaitWriters, readOutboxBytes } from './room.ts'
import { outboxChannel, usualCapBytes } from './triggers.ts'

const pollMs = 1_000
const roundTransactions = 100

/** Ends only by an error, or when its signal fires. */
export async function consumeOutbox(consumption: Consumption): Promise<never> {
  const { db, url, listeners, lease, signal, clock, limits } = consumption
  const epoch = await settle(consumption)
  if (!epoch.isTold) {
    await listeners.reset({ epoch: epoch.epoch, why: epoch.why }, signal)
    await markEpoch(db, lease, { epoch: epoch.epoch, mark: 'told' })
  }
  const bell = new Bell()
  let doorbell: Doorbell | undefined
  const memory = consumption.recall(epoch.epoch)
  let ahead: Mark | undefined
  let lookedMs = clock.monotonic()
  try {
    for (;;) {
      checkpoint(signal)
      doorbell = bell.isOpen ? doorbell : await openDoorbell({ url, channel: outboxChannel, ...bell.open() })
      const rung = bell.next()
      const pass: NumberingPass = await numberTransactions(db, lease, ahead)
      ahead = pass.ahead
      await drain(consumption, memory)
      memory.handled = maxLsn(memory.handled, pass.reached ?? 0n)
      tell(consumption, memory)
      if (clock.monotonic() - lookedMs >= limits.heartbeatMs) {
        lookedMs = clock.monotonic()
        await lookAfter(consumption)
      }
      if (pass.numbered === 0) await waitFor(consumption, rung)
    }
  } finally {
    doorbell?.close()
  }
}

/** A ring that comes while somebody works is not lost: it ends the next wait. */
class Bell {
  isOpen = false
  #ring: () => void = () => undefined

  open(): { onRing: () => void; onEnd: () => void } {
    this.isOpen = true
    return {
      onRing: () => this.#ring(),
      onEnd: () => {
        this.isOpen = false
        this.#ring()
      },
    }
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#ring = resolve
    })
  }
}

async function waitFor({ clock, signal }: Consumption, rung: Promise<void>): Promise<void> {
  const ending = new AbortController()
  const waiting = clock.sleep(pollMs, AbortSignal.any([signal, ending.signal]))
  try {
    await Promise.race([rung, waiting])
  } finally {
    ending.abort()
    await waiting.catch(() => undefined)
  }
}

async function drain(consumption: Consumption, memory: EpochMemory): Promise<void> {
  const { db, lease, signal } = consumption
  for (;;) {
    const round = await readNumbered(db, roundTransactions)
    if (round.length === 0) return
    for (const numbered of round) {
      checkpoint(signal)
      if (!numbered.isHandled) memory.changes += await deliver(consumption, memory.epoch, numbered)
      await removeTransaction(db, lease, numbered)
    }
  }
}

/** In parts; gives back how many changes there were. */
async function deliver(consumption: Consumption, epoch: string, { xid, lsn }: NumberedTransaction): Promise<number> {
  const { db, listeners, signal, limits, isLeaseSure } = consumption
  let seq = 0
  let after = '-1'
  for (;;) {
    // One more than a part holds: whether it is the last.
    const notes = await readNotes(db, { xid, after, limit: limits.partChanges + 1 })
    const part = notes.slice(0, limits.partChanges)
    const [first] = part
    const last = part.at(-1)
    if (first === undefined || last === undefined) return seq
    const isLast = notes.length === part.length
    if (!isLeaseSure()) throw new StrataError('LEASE_LOST', { message: 'Another process may consume the feed by now' })
    const changes = part.map(({ change }) => change)
    await listeners.deliver({ epoch, lsn, seq, isLast, committedAt: first.notedAt, changes }, signal)
    seq += part.length
    after = last.id
    if (isLast) return seq
  }
}

function tell({ listeners, report }: Consumption, { epoch, handled, changes }: EpochMemory): void {
  if (handled > 0n) listeners.progress({ epoch, lsn: handled })
  report({ epoch, handled, changes, bufferedBytes: 0, lagMs: 0 })
}

async function lookAfter(consumption: Consumption): Promise<void> {
  const { db, report } = consumption
  const tables = await readTables(db, consumption.tables)
  const bytes = await readOutboxBytes(db)
  report({ findings: findingsOf(tables), lagBytes: bytes, retainedBytes: bytes })
  if (!(await isInstalled(db, withCap(consumption, tables))))
    throw new StrataError('FEED_LOST', { message: 'The declared tables have changed' })
}

/** Triggers need no replica identity. */
function findingsOf({ captured, findings }: CapturedTables): CapturedTables['findings'] {
  return findings.map((finding) => {
    const table = captured.find(({ schema, table: name }) => schema === finding.schema && name === finding.table)
    if (table === undefined || table.primaryKey !== undefined) return finding
    return {
      ...finding,
      finding: 'It has no primary key: that something changed is captured, but not which rows',
      advice: 'Give it a primary key.',
    }
  })
}

function withCap({ ownCapBytes = usualCapBytes }: Consumption, { captured }: CapturedTables): readonly OutboxTable[] {
  return captured.map((table) => ({ ...table, capBytes: ownCapBytes }))
}

/** The epoch to go on with: the one that is recorded, or a new one. */
async function settle(consumption: Consumption): Promise<Epoch> {
  const { db, lease, limits, clock, signal } = consumption
  const { lockTimeoutMs, slotTimeoutMs } = limits
  const tables = await readTables(db, consumption.tables)
  consumption.report({ findings: findingsOf(tables) })
  const captured = withCap(consumption, tables)
  await installOutbox(db, { captured, lockTimeoutMs })
  const known = await readEpoch(db)
  const identity = await readIdentity(db)
  await trimOutbox(db, { captured, lockTimeoutMs })
  const found = findBreak(known, { ...identity, source: 'outbox' })
  // First of all reasons: it is kept with the epoch, and says what has to be waited for after a kill.
  const hasOutgrown = (await isOutboxFull(db)) || (known?.isMade === false && known.why === outgrown)
  const why = hasOutgrown ? outgrown : found
  if (why === undefined && known !== undefined) return known
  const epoch = await beginEpoch(db, lease, { ...identity, source: 'outbox', slotPrefix: undefined, why: why ?? '' })
  // Positions of another server may be ahead of this one's.
  if (hasOutgrown || known?.systemId !== identity.systemId) await emptyOutbox(db, { lease, clock, signal })
  if (hasOutgrown) await outwaitWriters(db, { timeoutMs: slotTimeoutMs, clock, signal })
  await watchTruncations(db, { captured: [], lockTimeoutMs })
  const prefix = await readSlotPrefix(db)
  await dropOtherSlots(db, { prefix, keep: '', waitMs: 10_000, clock, signal })
  await dropPublications(db)
  await markEpoch(db, lease, { epoch: epoch.epoch, mark: 'made' })
  return { ...epoch, isMade: true }
}
