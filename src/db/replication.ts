// A connection that receives what a logical slot decodes. Thin: it opens, starts the stream, hands on each message,
// and sends back what it is told to. What is acknowledged, and when, is not decided here.
//
// Promises: messages come one at a time, in order, and their bytes are valid only until the listener returns (the parser
// uses its buffer again). `pause` stops reading from the socket, so the server stops sending; what was read by then (at most
// 64 kB and one message) still comes. `onEnd` is called once, whatever ends the stream, and nothing comes after it.
// Values are text in UTF-8, in one form whatever the role and the database have set: dates ISO, times in UTC.

import pg from 'pg'
import { messageOf, StrataError } from '../base/errors.ts'
import { formatLsn, type Lsn } from './lsn.ts'
import { describeTarget } from './db.ts'
import { parseTarget } from './pg-db.ts'

export interface ReplicationOptions {
  readonly url: string
  readonly applicationName: string
  readonly connectTimeoutMs: number
}

interface ReplicationStart {
  readonly slot: string
  readonly publications: readonly string[]
  /** The server takes what the slot has confirmed, if that is later. */
  readonly from: Lsn
}

interface ReplicationListener {
  readonly onMessage: (message: Buffer) => void
  readonly onEnd: (error: Error | undefined) => void
}

export interface Replication {
  readonly pid: number
  /** Resolves when the server streams. */
  start(what: ReplicationStart, listener: ReplicationListener): Promise<void>
  send(message: Buffer): void
  pause(): void
  resume(): void
  /** At once; the server notices by itself. */
  close(): void
}

const textSettings =
  '-c client_encoding=UTF8 -c datestyle=ISO -c timezone=UTC -c intervalstyle=postgres -c bytea_output=hex -c extra_float_digits=1'

/** What we use of a pg connection below its client. */
interface Wire {
  readonly stream: { pause(): unknown; resume(): unknown; destroySoon(): unknown }
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  once(event: 'replicationStart', listener: () => void): unknown
}

export async function openReplication(options: ReplicationOptions): Promise<Replication> {
  const client = new pg.Client({
    connectionString: withSettings(options.url),
    application_name: options.applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    keepAlive: true,
    // pg knows it, its types do not.
    ...({ replication: 'database' } as object),
  })
  const wire = (client as unknown as { connection: Wire }).connection
  let broken: Error | undefined
  let end: ((error: Error | undefined) => void) | undefined
  client.on('error', (error) => {
    broken ??= error
    end?.(error)
  })
  try {
    await client.connect()
  } catch (error) {
    client.end().catch(() => undefined)
    throw new StrataError('DATABASE_UNREACHABLE', {
      message: `Cannot connect to ${describeTarget(parseTarget(options.url))} for replication (${messageOf(error)})`,
      advice:
        'The role needs REPLICATION, the server a free place among max_wal_senders, and no pooler may stand between.',
      cause: error,
    })
  }
  return {
    pid: (client as unknown as { processID: number }).processID,
    start: (what, listener) =>
      new Promise((resolve, reject) => {
        if (broken !== undefined) return reject(broken)
        const stream = streamOf(startCommand(what), listener, { resolve, reject })
        end = stream.end
        wire.once('replicationStart', stream.begun)
        client.query(stream.submittable as never)
      }),
    send: (message) => wire.sendCopyFromChunk(message),
    pause: () => void wire.stream.pause(),
    resume: () => void wire.stream.resume(),
    close: () => {
      end?.(undefined)
      client.end().catch(() => undefined)
      // pg would wait for the server to hang up, which a paused stream never sees.
      wire.stream.destroySoon()
    },
  }
}

/** The options of a URL win over those that pg is given beside it. */
function withSettings(url: string): string {
  const parsed = new URL(url)
  const own = parsed.searchParams.get('options')
  parsed.searchParams.set('options', own === null ? textSettings : `${own} ${textSettings}`)
  return parsed.href
}

function startCommand({ slot, publications, from }: ReplicationStart): string {
  if (!/^[a-z0-9_]{1,63}$/.test(slot)) throw new StrataError('VALUE_INVALID', { message: 'Not the name of a slot' })
  const names = publications.map((name) => `"${name.replaceAll('"', '""')}"`).join(',')
  const quoted = `'${names.replaceAll("'", "''")}'`
  return `START_REPLICATION SLOT "${slot}" LOGICAL ${formatLsn(from)} (proto_version '1', publication_names ${quoted}, messages 'true')`
}

interface Stream {
  readonly submittable: object
  readonly begun: () => void
  readonly end: (error: Error | undefined) => void
}

function streamOf(
  command: string,
  listener: ReplicationListener,
  { resolve, reject }: { resolve: () => void; reject: (error: Error) => void },
): Stream {
  let state: 'starting' | 'streaming' | 'ended' = 'starting'
  const end = (error: Error | undefined): void => {
    const was = state
    state = 'ended'
    if (was === 'starting') reject(error ?? new Error('The stream ended before it began'))
    if (was === 'streaming') listener.onEnd(error)
  }
  return {
    end,
    begun: () => {
      if (state !== 'starting') return
      state = 'streaming'
      resolve()
    },
    submittable: {
      submit: (connection: Wire): void => connection.query(command),
      handleCopyData: ({ chunk }: { chunk: Buffer }): void => {
        if (state === 'streaming') listener.onMessage(chunk)
      },
      handleError: end,
      handleReadyForQuery: (): void => end(undefined),
      handleCommandComplete: (): void => undefined,
      handleRowDescription: (): void => undefined,
      handleDataRow: (): void => undefined,
      handleEmptyQuery: (): void => undefined,
      handlePortalSuspended: (): void => undefined,
    },
  }
}
