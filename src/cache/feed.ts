// What the change feed tells the cache: a change invalidates its table, and its row by the row's key.
//
// What must be true: a batch counts as handled only when what it names is gone everywhere; else it is to come again. The position
// is noted with the last part of a transaction, or with progress, so that whoever has a token of it finds nothing older. It is
// noted only where processes share what they know: without Redis another process may have consumed what this one never heard
// of, and its copies would count as current.
// On failure: REDIS_UNAVAILABLE to the feed, which brings the batch again. After a reset everything goes.
// Bounds: one note of progress on its way, the latest one after it.

import { StrataError } from '../base/errors.ts'
import type { Change, ChangeBatch, ChangeListener } from '../changes/feed/change.ts'
import type { Lsn } from '../db/lsn.ts'
import type { Invalidation, Reach } from './invalidation.ts'
import { tagMark } from './key.ts'
import { rowTag, tableTag } from './options.ts'

export interface FeedListenerOptions {
  readonly invalidate: (what: Invalidation) => Promise<Reach>
  /** Processes share what is invalidated, and how far the feed has come. */
  readonly isShared: boolean
}

export function createFeedListener({ invalidate, isShared }: FeedListenerOptions): ChangeListener {
  let noted: Lsn = 0n
  let latest: Lsn | undefined
  let isNoting = false
  const carryOut = async (what: Invalidation): Promise<void> => {
    if ((await invalidate(what)) === 'everywhere') return
    throw new StrataError('REDIS_UNAVAILABLE', { message: 'Changes have not reached every copy of the cache' })
  }
  /** Only a help: a token that it would have served is served by a load. */
  const noteLatest = async (): Promise<void> => {
    isNoting = true
    try {
      for (let position = latest; position !== undefined; position = latest) {
        latest = undefined
        await invalidate({ keyMarks: [], tagMarks: [], all: false, position })
      }
    } catch {
      // The cache was closed.
    } finally {
      isNoting = false
    }
  }
  return {
    name: 'cache',
    onBatch: async ({ changes, isLast, lsn }: ChangeBatch) => {
      const tagMarks = [...new Set(changes.flatMap(tagsOf))].map(tagMark)
      await carryOut({ keyMarks: [], tagMarks, all: false, position: isLast && isShared ? lsn : undefined })
      if (isLast && lsn > noted) noted = lsn
    },
    onProgress: ({ lsn }) => {
      if (lsn <= noted || !isShared) return
      noted = lsn
      latest = lsn
      if (!isNoting) void noteLatest()
    },
    onReset: async () => {
      noted = 0n
      latest = undefined
      await carryOut({ keyMarks: [], tagMarks: [], all: true, position: isShared ? null : undefined })
    },
  }
}

function tagsOf({ schema, table, key, keyBefore }: Change): readonly string[] {
  const rows = [key, keyBefore].flatMap((one) => (one === undefined ? [] : [rowTag(schema, table, one)]))
  return [tableTag(schema, table), ...rows]
}
