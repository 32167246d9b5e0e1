// Between processes through the database: a table of the latest messages, numbered by a counter that is locked until their
// transaction has committed, and NOTIFY as a doorbell.
//
// What must be true: numbers become visible in their order and without a hole, for the counter's row is held to the commit. The
// log's life changes with the epoch of the feed's server only by a reset, which is a message itself. One NOTIFY a message, with its number,
// of the process that consumes the feed alone: writers of the application never take its lock.
// On failure `publish` rejects, so the feed brings the batch again. A doorbell that is gone is opened again with the next poll;
// what was rung for meanwhile is read then.

import { systemClock, type Clock } from '../../base/clock.ts'
import { messageOf } from '../../base/errors.ts'
import { silentLogger, type Logger } from '../../base/logger.ts'
import { onlyRow, type Db, type Queryable } from '../../db/db.ts'
import { openDoorbell, type Doorbell } from '../../db/doorbell.ts'
import { sql } from '../../sql/sql.ts'
import { encodeMessage, type Transport } from '../wire.ts'
import { LogFollower, type LogPage } from './log.ts'

export interface ThroughDatabaseOptions {
  readonly db: Db
  /** The server itself, no pooler: LISTEN needs a connection of its own. */
  readonly url: string
  readonly keptMessages?: number | undefined
  readonly keptBytes?: number | undefined
  readonly clock?: Clock | undefined
  readonly logger?: Logger | undefined
}

const channel = 'pgstrata_live'
const pageMessages = 200
/** What is too much is cleared away once in so many messages. */
const clearEvery = 100

export function throughDatabase(options: ThroughDatabaseOptions): Transport {
  const { db, url, keptMessages = 2_000, keptBytes = 16 * 1024 * 1024 } = options
  const { clock = systemClock, logger = silentLogger } = options
  let following: LogFollower | undefined
  let publishing = 0
  let rungFor = 0
  /** What is on its way from here is handed on when it is known to be there, which saves reading it. */
  const ringSoon = (): void => {
    if (publishing > 0) return
    following?.ring(rungFor)
    rungFor = 0
  }
  const bell = createBell({
    url,
    logger,
    onRing: (n) => {
      rungFor = Math.max(rungFor, n)
      ringSoon()
    },
  })

  return {
    publish: async (message) => {
      const text = encodeMessage(message)
      publishing++
      try {
        const { life, n } = await append(db, text)
        following?.offer({ life, n, text })
        if (n % clearEvery === 0) await clear(db, { n, keptMessages, keptBytes })
      } finally {
        publishing--
        ringSoon()
      }
    },
    follow: async (follower) => {
      following = new LogFollower({
        follower,
        read: async (after) => {
          void bell.listen()
          return await readPage(db, after)
        },
        clock,
        logger,
      })
      await bell.listen()
      await following.start().catch((error: unknown) => {
        logger.warn('Live events cannot be read', { error: messageOf(error) })
      })
    },
    close: () => {
      following?.stop()
      bell.close()
      return Promise.resolve()
    },
  }
}

interface BellOptions {
  readonly url: string
  readonly logger: Logger
  /** Up to which number there is something to read. */
  readonly onRing: (n: number) => void
}

/** Opened again by the next `listen` after it was lost. */
function createBell({ url, logger, onRing }: BellOptions): { listen(): Promise<void>; close(): void } {
  let bell: Doorbell | undefined
  let isOpening = false
  let isClosed = false
  return {
    listen: async () => {
      if (bell !== undefined || isOpening || isClosed) return
      isOpening = true
      try {
        const opened = await openDoorbell({
          url,
          channel,
          onRing: (payload) => onRing(Number.parseInt(payload, 10) || Infinity),
          onEnd: () => {
            bell = undefined
          },
        })
        if (isClosed) return opened.close()
        bell = opened
        onRing(Infinity)
      } catch (error) {
        logger.warn('Live events are polled for', { error: messageOf(error) })
      } finally {
        isOpening = false
      }
    },
    close: () => {
      isClosed = true
      bell?.close()
    },
  }
}

/** One statement, so one round trip and one commit. */
async function append(on: Queryable, text: string): Promise<{ readonly life: string; readonly n: number }> {
  const answer = await on.query<{ life: string; n: string }>(sql`
    with counted as (
      insert into pgstrata.live as l (n)
      values (1)
      on conflict (only_one) do update
      set n = l.n + 1
      returning n, life
    ), kept as (
      insert into pgstrata.live_log (n, message, bytes)
      select n, ${text}, ${Buffer.byteLength(text)}
      from counted
      returning n
    )
    select c.life, k.n::text as n, pg_notify(${channel}, k.n::text)
    from kept k
    cross join counted c`)
  const { life, n } = onlyRow(answer)
  return { life, n: Number(n) }
}

async function clear(
  on: Queryable,
  { n, keptMessages, keptBytes }: { n: number; keptMessages: number; keptBytes: number },
): Promise<void> {
  await on.query(sql`
    delete from pgstrata.live_log
    where n <= ${n - keptMessages}::int8
      or n in (
        select s.n
        from (select l.n, sum(l.bytes) over (order by l.n desc) as total from pgstrata.live_log l) as s
        where s.total > ${keptBytes}::int8)`)
}

/** In one snapshot. */
async function readPage(on: Queryable, after: number): Promise<LogPage> {
  interface Row {
    readonly life: string
    readonly last: string
    readonly n: string | null
    readonly message: string | null
  }
  const { rows } = await on.query<Row>(sql`
    select c.life, c.n::text as last, l.n::text as n, l.message
    from pgstrata.live c
    left join lateral (
      select n, message
      from pgstrata.live_log
      where n > ${after}::int8
      order by n
      limit ${pageMessages}
    ) as l on true
    order by l.n`)
  const [first] = rows
  if (first === undefined) return { life: undefined, last: 0, first: 1, texts: [] }
  const last = Number(first.last)
  return {
    life: first.life,
    last,
    first: first.n === null ? last + 1 : Number(first.n),
    texts: rows.flatMap(({ message }) => message ?? []),
  }
}
