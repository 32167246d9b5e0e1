// Where a server's WAL stands, asked beside a statement, and what the answer proves.
// On a replica a commit becomes visible a moment before its record counts as replayed (its locks, and the files of dropped
// tables, go in between). So a read may have seen one record more than pg_last_wal_replay_lsn() says after it: if anything
// is received beyond replay, the bound of what was seen is the end of the next record, which every position greater than
// replay has passed.
// On the primary it is the insert position, which no visible commit is beyond, whatever synchronous_commit says.
// Each brings what would give it away: a replica that was promoted still answers with where its replay ended, and behind a
// pooler the primary of today may not be that of the connection's beginning.

import { normaliseInsertLsn, parseLsn, type Lsn } from '../../lsn.ts'
import type { FlightStatement } from './flight.ts'
import type { Identity } from '../cluster/identity.ts'

const insertPositionText =
  'select pg_current_wal_insert_lsn()::text, substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)'
const replayPositionText =
  'select pg_last_wal_replay_lsn()::text, pg_last_wal_receive_lsn()::text, pg_is_in_recovery()::text'

/** The statement that asks for it; named where statements may be. */
export function askPosition(isReplica: boolean, named: boolean): FlightStatement {
  return isReplica
    ? { text: replayPositionText, values: [], name: named ? 'pgstrata_replay' : undefined }
    : { text: insertPositionText, values: [], name: named ? 'pgstrata_insert' : undefined }
}

export type PositionRow = readonly (string | null)[]

/** The server was a replica when the connection was made, and is none any more. */
export function isPromoted(row: PositionRow, identity: Identity): boolean {
  return identity.isReplica && row[2] === 'false'
}

/** The timeline that a primary's position is on. */
export function timelineOf(row: PositionRow): number | undefined {
  const timeline = Number.parseInt(row[1] ?? '', 16)
  return Number.isNaN(timeline) ? undefined : timeline
}

/** What replay had surely reached when asked: the floor of any later read there. */
export function reachedBy(row: PositionRow): Lsn {
  return row[0] == null ? 0n : parseLsn(row[0])
}

/** What a read just before cannot have seen more than. */
export function seenBy(row: PositionRow, identity: Identity): Lsn {
  const reached = reachedBy(row)
  if (!identity.isReplica) return normaliseInsertLsn(reached, identity.sizes)
  const received = row[1] == null ? undefined : parseLsn(row[1])
  return received === reached ? reached : reached + 1n
}
