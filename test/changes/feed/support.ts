// Feeds for tests: one that hears everything, and what a database needs first.

import { ensureInstalled } from '../../../src/catalog/install.ts'
import type { Change, ChangeBatch, ChangeListener } from '../../../src/changes/feed/change.ts'
import { cursorOf, formatCursor } from '../../../src/changes/feed/cursor.ts'
import { createFeed, type Feed, type FeedOptions } from '../../../src/changes/feed/index.ts'
import { sql } from '../../../src/sql/sql.ts'
import type { TestDatabase } from '../../support/postgres.ts'
import { waitUntil } from '../../support/wait.ts'

interface Heard {
  readonly id: string
  readonly change: Change
}

export interface Ear extends ChangeListener {
  readonly heard: Heard[]
  readonly batches: ChangeBatch[]
  readonly resets: { readonly epoch: string; readonly why: string }[]
  /** Where the feed said it was. */
  progress: { readonly epoch: string; readonly lsn: bigint } | undefined
}

/** `onBatch` is called before anything is noted as heard. */
export function createEar(onBatch?: (batch: ChangeBatch) => Promise<void> | void): Ear {
  const ear: Ear = {
    name: 'ear',
    heard: [],
    batches: [],
    resets: [],
    progress: undefined,
    onBatch: async (batch) => {
      await onBatch?.(batch)
      ear.batches.push(batch)
      batch.changes.forEach((change, index) => ear.heard.push({ id: formatCursor(cursorOf(batch, index)), change }))
    },
    onReset: (reset) => {
      ear.resets.push(reset)
      return Promise.resolve()
    },
    onProgress: (position) => {
      ear.progress = position
    },
  }
  return ear
}

export async function prepareFeed({ db }: TestDatabase): Promise<void> {
  await db.withSession(async (session) => void (await ensureInstalled(session)))
}

export type FeedSettings = Partial<FeedOptions> & Pick<FeedOptions, 'tables'>

/** Started, and told that it began. */
export async function startFeed(database: TestDatabase, ear: Ear, settings: FeedSettings): Promise<Feed> {
  const feed = createFeed({
    db: database.db,
    url: database.url,
    leaseMs: 2_000,
    ...settings,
    limits: { heartbeatMs: 200, ...settings.limits },
  })
  feed.subscribe(ear)
  await feed.start()
  return feed
}

export async function stopFeeds(database: TestDatabase, feeds: readonly Feed[]): Promise<void> {
  await Promise.all(feeds.map((feed) => feed.stop()))
  await waitUntil(async () => (await consumerPid(database)) === undefined, { what: 'the slot is free' })
}

/** Of the backend that streams. */
export async function consumerPid({ db }: TestDatabase): Promise<number | undefined> {
  const { rows } = await db.query<{ pid: number }>(
    sql`select active_pid as pid from pg_replication_slots where database = current_database() and active`,
  )
  return rows[0]?.pid
}

/** Until the feed says that all of what has committed by now was delivered. */
export async function caughtUp({ db }: TestDatabase, ear: Ear): Promise<void> {
  const { rows } = await db.query<{ lsn: string }>(
    sql`select (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::text as lsn`,
  )
  const target = BigInt(rows[0]?.lsn ?? '0')
  // One moves the WAL on, the other wakes whoever reads an outbox.
  await db.query(sql`select pg_logical_emit_message(false, 'test', ''), pg_notify('pgstrata_outbox', '')`)
  await waitUntil(() => ear.progress !== undefined && ear.progress.lsn >= target, { what: 'the feed has caught up' })
}

/** 'update 1', 'delete 2': kind and key. */
export function brief({ heard }: Ear): string[] {
  return heard.map(({ change: { kind, key } }) =>
    [kind, ...(key === undefined ? [] : Object.values(key))].map(String).join(' '),
  )
}
