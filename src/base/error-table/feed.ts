// The feed of changes.

import { database, environment, failed, refused, usage, type ErrorEntry } from './entry.ts'

export type FeedErrorCode =
  | 'FEED_UNCAPPED'
  | 'FEED_NOT_LOGICAL'
  | 'FEED_NOT_INSTALLED'
  | 'FEED_SLOT_BUSY'
  | 'FEED_LOST'
  | 'FEED_LISTENER'
  | 'FEED_NOT_VISIBLE'
  | 'FEED_PROTOCOL'
  | 'FEED_CURSOR_INVALID'

export const feedErrors: Readonly<Record<FeedErrorCode, ErrorEntry>> = {
  FEED_UNCAPPED: {
    ...environment,
    title: 'The server would keep WAL for a replication slot without end.',
    advice:
      "Set a cap and reload: alter system set max_slot_wal_keep_size = '4GB'; select pg_reload_conf(). A feed that nobody reads would fill the disk otherwise.",
  },
  FEED_NOT_LOGICAL: {
    ...environment,
    title: 'The server does not write what a feed of changes from the WAL needs.',
    advice: "Set wal_level = 'logical' and restart the server, or let the feed read from an outbox.",
  },
  FEED_NOT_INSTALLED: {
    ...refused,
    title: 'Schema "pgstrata" is older than the feed of changes.',
    advice: 'Run `pgstrata apply`.',
  },
  FEED_SLOT_BUSY: {
    ...database,
    title: 'The replication slot of the feed is still in use.',
    advice: 'It is tried again by itself. The role must be the one of the other consumer, or have pg_signal_backend.',
  },
  FEED_LOST: {
    ...database,
    title: 'The stream of changes ended.',
    advice: 'It is begun again by itself, where the last change was handled.',
  },
  FEED_LISTENER: {
    ...failed,
    title: 'A listener of the feed did not handle a batch.',
    advice: 'The batch comes again, and nothing behind it comes before: mend the listener.',
  },
  FEED_NOT_VISIBLE: {
    ...database,
    title: 'A commit was written to the WAL, but the primary does not show it.',
    advice: 'It waits for a synchronous replica, most often: look at pg_stat_replication.',
  },
  FEED_PROTOCOL: {
    ...database,
    title: 'The stream of changes holds what it may not hold.',
    advice: 'Check that nothing but a PostgreSQL server of version 15 to 18 answers there.',
  },
  FEED_CURSOR_INVALID: {
    ...usage,
    title: 'A position in the feed is not one that an event carried.',
    advice: 'Send the id of an event as it was received, or none.',
  },
}
