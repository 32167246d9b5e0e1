// Bytes of a replication stream to records, and the one message that goes back. Pure; nothing of a message is kept, for its
// bytes are used again. https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html

import { StrataError } from '../../../base/errors.ts'
import type { Lsn } from '../../../db/lsn.ts'
import { ByteReader, postgresEpochMs } from './byte-reader.ts'
import { unchanged, type OldTuple, type PgoutputMessage, type StreamMessage, type WireValue } from './messages.ts'

/** What CopyData holds: WAL data, or a keepalive. */
export function parseStreamMessage(bytes: Buffer): StreamMessage {
  const reader = new ByteReader(bytes)
  const kind = reader.char()
  if (kind === 'w') {
    // Where it starts, where it ends, the server's clock: the messages inside say it better.
    reader.uint64()
    reader.uint64()
    reader.uint64()
    return { type: 'data', message: parsePgoutput(reader), sizeBytes: bytes.length }
  }
  if (kind === 'k') {
    const end = reader.uint64()
    reader.uint64()
    return { type: 'keepalive', end, replyRequested: reader.byte() === 1 }
  }
  throw unknown(kind)
}

const headerBytes = 25
const rowKinds: ReadonlySet<number> = new Set(['I', 'U', 'D'].map((kind) => kind.charCodeAt(0)))

/** Whether it is WAL data about a row, told without reading it. */
export function isRowMessage(bytes: Buffer): boolean {
  return bytes[0] === 'w'.charCodeAt(0) && rowKinds.has(bytes[headerBytes] ?? 0)
}

function parsePgoutput(reader: ByteReader): PgoutputMessage {
  const kind = reader.char()
  switch (kind) {
    case 'B':
      return { type: 'begin', finalLsn: reader.uint64(), committedAt: reader.time(), xid: reader.uint32() }
    case 'C':
      // No flag is in use.
      reader.byte()
      return { type: 'commit', commitLsn: reader.uint64(), endLsn: reader.uint64(), committedAt: reader.time() }
    case 'R':
      return parseRelation(reader)
    case 'I': {
      const oid = reader.uint32()
      expectTuple(reader, 'N')
      return { type: 'insert', oid, row: parseTuple(reader) }
    }
    case 'U':
      return parseUpdate(reader)
    case 'D': {
      const oid = reader.uint32()
      return { type: 'delete', oid, before: parseOld(reader, reader.char()) }
    }
    case 'T':
      return parseTruncate(reader)
    case 'M':
      return parseMessage(reader)
    case 'Y':
    case 'O':
      return { type: 'other' }
    default:
      throw unknown(kind)
  }
}

function parseRelation(reader: ByteReader): PgoutputMessage {
  const oid = reader.uint32()
  // Schema pg_catalog is sent as an empty name.
  const schema = reader.name() || 'pg_catalog'
  const table = reader.name()
  const identity = reader.char()
  const columns = Array.from({ length: reader.int16() }, () => {
    const identifies = (reader.byte() & 1) === 1
    const name = reader.name()
    // Type and modifier: values are text anyway.
    reader.uint32()
    reader.int32()
    return { name, identifies }
  })
  return { type: 'relation', relation: { oid, schema, table, identity, columns } }
}

function parseUpdate(reader: ByteReader): PgoutputMessage {
  const oid = reader.uint32()
  const part = reader.char()
  if (part === 'N') return { type: 'update', oid, before: undefined, row: parseTuple(reader) }
  const before = parseOld(reader, part)
  expectTuple(reader, 'N')
  return { type: 'update', oid, before, row: parseTuple(reader) }
}

function parseOld(reader: ByteReader, part: string): OldTuple {
  if (part !== 'K' && part !== 'O') throw unknown(part)
  return { part: part === 'K' ? 'key' : 'row', values: parseTuple(reader) }
}

function parseTruncate(reader: ByteReader): PgoutputMessage {
  const count = reader.int32()
  // CASCADE, RESTART IDENTITY: what was truncated is listed either way.
  reader.byte()
  return { type: 'truncate', oids: Array.from({ length: count }, () => reader.uint32()) }
}

/** Of others only the beginning is read: they may be large. */
const readOfMessageBytes = 64

function parseMessage(reader: ByteReader): PgoutputMessage {
  const isTransactional = (reader.byte() & 1) === 1
  // Where it stands.
  reader.uint64()
  const prefix = reader.name()
  const content = reader.text(Math.min(reader.int32(), readOfMessageBytes))
  return { type: 'message', isTransactional, prefix, content }
}

function expectTuple(reader: ByteReader, part: string): void {
  const got = reader.char()
  if (got !== part) throw unknown(got)
}

function parseTuple(reader: ByteReader): readonly WireValue[] {
  return Array.from({ length: reader.int16() }, () => {
    const kind = reader.char()
    switch (kind) {
      case 'n':
        return null
      case 'u':
        return unchanged
      case 't':
        return reader.text(reader.int32())
      default:
        throw unknown(kind)
    }
  })
}

function unknown(kind: string): StrataError {
  return new StrataError('FEED_PROTOCOL', {
    message: 'The server sent a message that pgoutput version 1 does not have',
    got: `one of kind 0x${kind.charCodeAt(0).toString(16)}`,
  })
}

export interface StandbyStatus {
  /** Everything before it reached us. */
  readonly received: Lsn
  /** Everything before it was handled: the slot may forget it. */
  readonly handled: Lsn
  readonly nowMs: number
  readonly replyRequested: boolean
}

export function renderStatus({ received, handled, nowMs, replyRequested }: StandbyStatus): Buffer {
  const bytes = Buffer.alloc(34)
  bytes.write('r', 'latin1')
  bytes.writeBigUInt64BE(received, 1)
  bytes.writeBigUInt64BE(handled, 9)
  bytes.writeBigUInt64BE(handled, 17)
  bytes.writeBigInt64BE(BigInt(Math.trunc(nowMs - postgresEpochMs)) * 1000n, 25)
  bytes.writeUInt8(replyRequested ? 1 : 0, 33)
  return bytes
}
