// What a source of changes is given by the feed that runs it, and what it tells back.

import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/logger.ts'
import type { Db } from '../../db/db.ts'
import type { Lease } from '../../db/lease.ts'
import type { Lsn } from '../../db/lsn.ts'
import type { Listeners } from './listeners.ts'
import type { FeedFinding, FeedTable } from './wal/captured-tables.ts'

export interface FeedLimits {
  /** Changes that are held between the server and the listeners. */
  readonly bufferBytes: number
  /** Of one batch. */
  readonly partChanges: number
  /** Without changes, the slot is moved on this often; tables and slot are looked at, too. */
  readonly heartbeatMs: number
  /** For a lock that a publication or a trigger needs. */
  readonly lockTimeoutMs: number
  /** For the transactions that a new slot waits for. */
  readonly slotTimeoutMs: number
  /** For a commit that the primary does not show yet. */
  readonly visibleTimeoutMs: number
  /** Without a word of the server the connection is given up. */
  readonly silenceMs: number
}

export interface Consumption {
  readonly db: Db
  /** The server itself, no pooler. */
  readonly url: string
  readonly tables: readonly FeedTable[]
  readonly lease: Lease
  /** By our own clock, and at the latest when it has run out by the server's. */
  readonly isLeaseSure: () => boolean
  readonly listeners: Listeners
  readonly limits: FeedLimits
  readonly ownCapBytes: number | undefined
  readonly clock: Clock
  readonly logger: Logger
  /** Fires when the lease is lost or the feed stops. */
  readonly signal: AbortSignal
  /** What this process knows of an epoch; of one at a time. */
  readonly recall: (epoch: string) => EpochMemory
  readonly report: (news: Partial<ConsumptionNews>) => void
}

/** Outlives connections, and the lease as well: what every listener here has handled stays handled. */
export interface EpochMemory {
  readonly epoch: string
  handled: Lsn
  changes: number
  /** Where commits of large transactions end, by where their records begin. */
  readonly ends: Map<Lsn, Lsn>
}

export interface ConsumptionNews {
  readonly epoch: string
  /** Everything that committed before was handled. */
  readonly handled: Lsn
  readonly bufferedBytes: number
  /** How long the oldest change that is held has been. */
  readonly lagMs: number
  /** WAL that was not handled. */
  readonly lagBytes: number
  /** WAL that the server keeps for the slot. */
  readonly retainedBytes: number
  readonly findings: readonly FeedFinding[]
  /** Handed to every listener, since the process began. */
  readonly changes: number
}
