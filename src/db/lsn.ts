// Positions in the WAL. Pure: text to number and back, and the one place where what the server says must be put right.

import { StrataError } from '../base/errors.ts'

/** A WAL position as a number: comparable with < and >. */
export type Lsn = bigint

/** Two halves of 32 bits in hexadecimal, as every PostgreSQL writes and takes them ('16/B374D848'). */
export function parseLsn(text: string): Lsn {
  const [, high, low] = /^([0-9a-f]{1,8})\/([0-9a-f]{1,8})$/i.exec(text) ?? []
  if (high === undefined || low === undefined)
    throw new StrataError('VALUE_INVALID', {
      message: 'A text is no WAL position',
      expected: 'one such as 16/B374D848',
    })
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

export function formatLsn(lsn: Lsn): string {
  if (lsn < 0n || lsn >= 1n << 64n)
    throw new StrataError('VALUE_INVALID', { message: 'A number is no WAL position', expected: '64 bits without sign' })
  return `${(lsn >> 32n).toString(16)}/${(lsn & 0xffffffffn).toString(16)}`.toUpperCase()
}

/** How this server cuts its WAL (settings wal_block_size and wal_segment_size). */
export interface WalSizes {
  readonly blockBytes: number
  readonly segmentBytes: number
}

const pageHeaderBytes = 24n
const segmentHeaderBytes = 40n

/**
 * `lsn` as pg_current_wal_insert_lsn() gives it, rounded down to where the WAL ends when nobody writes more. At the
 * very start of a page the server already counts the page's header, which is written, sent and replayed only with the
 * first record behind it: a replica asked for that position would wait for WAL that may never come. Any other position
 * comes back as it is: a record that goes on into a page ends at least 8 bytes behind the header, so the two cannot be
 * taken for each other.
 */
export function normaliseInsertLsn(lsn: Lsn, sizes: WalSizes): Lsn {
  const inSegment = lsn % BigInt(sizes.segmentBytes)
  const inBlock = lsn % BigInt(sizes.blockBytes)
  if (inSegment === segmentHeaderBytes) return lsn - segmentHeaderBytes
  const isFirstBlock = inSegment === inBlock
  return inBlock === pageHeaderBytes && !isFirstBlock ? lsn - pageHeaderBytes : lsn
}

export function maxLsn(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b
}
