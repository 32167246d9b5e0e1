// How the feed of a database stands, asked of the database: whoever consumes it, every process can tell. Reads only.

import { newestVersion, readInstalledVersion } from '../../catalog/install.ts'
import { StrataError } from '../../base/errors.ts'
import { onlyRow, type Queryable } from '../../db/db.ts'
import type { Lsn } from '../../db/lsn.ts'
import { sql } from '../../sql/sql.ts'
import type { FeedSource } from './epoch.ts'
import { isOutboxFull, readOutboxBytes } from './outbox/room.ts'
import { findUnwatched } from './wal/truncations.ts'
import { readTables, type FeedFinding, type FeedTable } from './wal/captured-tables.ts'
import { readSlot, readWalSettings } from './wal/slot.ts'

/** The version of schema "pgstrata" that holds it. */
const neededVersion = 6

export interface FeedState {
  /** undefined: it has never run here. */
  readonly epoch: FeedEpochState | undefined
  /** Some process holds the feed: it consumes it, or did a moment ago. */
  readonly isHeld: boolean
  readonly slot: FeedSlotState | undefined
  /** Of the outbox, without its index. */
  readonly outboxBytes: number
  /** It has outgrown its cap: changes are not noted until the feed begins anew. */
  readonly isOutboxFull: boolean
  /** What the server keeps for a slot at most; undefined: it has no limit. */
  readonly capBytes: number | undefined
  readonly walLevel: string
  readonly findings: readonly FeedFinding[]
}

export interface FeedEpochState {
  readonly epoch: string
  readonly source: FeedSource
  readonly since: Date
  /** Why it began. */
  readonly why: string
  /** false: it is being made, or what was captured is broken and a new one is to begin. */
  readonly isMade: boolean
}

export interface FeedSlotState {
  readonly name: string
  readonly isLost: boolean
  /** Of the backend that streams. */
  readonly pid: number | undefined
  readonly confirmed: Lsn
  readonly retainedBytes: number
  readonly lagBytes: number
}

export async function requireInstalled(on: Queryable): Promise<void> {
  const installed = await readInstalledVersion(on)
  if (installed >= neededVersion) return
  throw new StrataError('FEED_NOT_INSTALLED', {
    message: 'The feed has no place in this database',
    expected: `schema "pgstrata" of version ${neededVersion} or newer (this one brings ${newestVersion})`,
    got: `version ${installed}`,
  })
}

export async function readFeedState(on: Queryable, tables: readonly FeedTable[]): Promise<FeedState> {
  await requireInstalled(on)
  const { slotName, isHeld, ...epoch } = await readRow(on)
  const slot = slotName === null ? undefined : await readSlot(on, slotName)
  const { walLevel, capBytes } = await readWalSettings(on)
  const outboxBytes = await readOutboxBytes(on)
  const { captured, findings } = await readTables(on, tables)
  const unwatched = epoch.source === 'wal' ? await findUnwatched(on, captured) : []
  return {
    epoch: isBegun(epoch) ? epoch : undefined,
    isHeld,
    slot:
      slot === undefined || slotName === null
        ? undefined
        : {
            name: slotName,
            isLost: slot.isLost,
            pid: slot.activePid ?? undefined,
            confirmed: slot.confirmed,
            retainedBytes: slot.retainedBytes,
            lagBytes: slot.lagBytes,
          },
    outboxBytes,
    isOutboxFull: await isOutboxFull(on),
    capBytes,
    walLevel,
    findings: [...findings, ...unwatched],
  }
}

type EpochRow = { readonly [Name in keyof FeedEpochState]: FeedEpochState[Name] | null }

function isBegun(row: EpochRow): row is FeedEpochState {
  return row.epoch !== null
}

async function readRow(
  on: Queryable,
): Promise<EpochRow & { readonly slotName: string | null; readonly isHeld: boolean }> {
  return onlyRow(
    await on.query<EpochRow & { slotName: string | null; isHeld: boolean }>(sql`
      select f.epoch, f.source, f.begun_at as since, f.why, f.state = 'made' as "isMade", f.slot_name as "slotName",
        exists (
          select from pgstrata.lease l
          where l.name = 'feed'
            and l.expires_at > clock_timestamp()
        ) as "isHeld"
      from (select) as one
      left join pgstrata.feed f on true`),
  )
}
