// Tiers of partitions, their archives, and backups.

import { busy, environment, failed, refused, usage, type ErrorEntry } from './entry.ts'

export type TierErrorCode =
  | 'TIER_REFUSED'
  | 'TIER_STATE'
  | 'TIER_BUSY'
  | 'TIER_MISMATCH'
  | 'TIER_FAILED'
  | 'ARCHIVE_UNREACHABLE'
  | 'ARCHIVE_DENIED'
  | 'ARCHIVE_FULL'
  | 'ARCHIVE_LOST'
  | 'ARCHIVE_CORRUPT'
  | 'ARCHIVE_SCHEMA'
  | 'ARCHIVE_QUERY'
  | 'BACKUP_FAILED'
  | 'BACKUP_STALE'
  | 'BACKUP_UNVERIFIED'

export const tierErrors: Readonly<Record<TierErrorCode, ErrorEntry>> = {
  TIER_REFUSED: {
    ...refused,
    title: 'A table cannot have this tier.',
    advice: 'The message says what stands in the way, and what would do.',
  },
  TIER_STATE: {
    ...refused,
    title: 'A partition is in a state in which that cannot be done.',
    advice: 'See its state with `pgstrata tier status`.',
  },
  TIER_BUSY: {
    ...busy,
    title: 'A partition is being moved by another process.',
    advice: 'Watch it with `pgstrata tier status`.',
  },
  TIER_MISMATCH: {
    ...failed,
    title: 'What was made of a partition does not have the same content.',
    advice: 'Nothing was replaced, and the partition is as it was. Please report it.',
  },
  TIER_FAILED: {
    ...failed,
    title: 'A partition could not be moved.',
    advice: 'It is readable as before. `pgstrata tier status` says why; the next try comes by itself.',
  },
  ARCHIVE_UNREACHABLE: {
    ...environment,
    title: 'The store of archives does not answer.',
    advice: 'Check `archive.to` and the network; what was begun goes on when the store is back.',
  },
  ARCHIVE_DENIED: {
    ...environment,
    title: 'The store of archives refuses access.',
    advice: 'Check the credentials: files are put, read, listed and removed below `archive.to`.',
  },
  ARCHIVE_FULL: {
    ...environment,
    title: 'There is no room for an archive.',
    advice: 'Make room where the message says; what was begun goes on then.',
  },
  ARCHIVE_LOST: {
    ...failed,
    title: 'A file of an archive is not in its store.',
    advice: 'Bring it back from a copy or an older version of the store, then run `pgstrata archive verify`.',
  },
  ARCHIVE_CORRUPT: {
    ...failed,
    title: 'A file of an archive is not what was written.',
    advice: 'Bring it back from a copy or an older version of the store, then run `pgstrata archive verify`.',
  },
  ARCHIVE_SCHEMA: {
    ...refused,
    title: 'The table has changed since its rows were archived.',
    advice:
      'The message names the column; restore with `--map`, with `--without`, or into another table with `--into`.',
  },
  ARCHIVE_QUERY: {
    ...usage,
    title: 'Archives cannot be asked that.',
    advice: 'The message says what is wrong with the statement.',
  },
  BACKUP_FAILED: {
    ...failed,
    title: 'A backup, or what belongs to it, failed.',
    advice: 'The message has what the program said; `pgstrata backup status` shows what there is.',
  },
  BACKUP_STALE: {
    ...failed,
    title: 'The newest backup is too old.',
    advice: 'Run `pgstrata backup run`, and see in `pgstrata jobs` why its job does not.',
  },
  BACKUP_UNVERIFIED: {
    ...failed,
    title: 'A backup could not be proven by restoring it, or none was for too long.',
    advice: 'Run `pgstrata backup verify`: it says what it finds.',
  },
}
