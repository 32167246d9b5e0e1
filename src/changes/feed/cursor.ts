// `epoch:lsn:seq` as text and back, and their order. Whoever resumes sends one: what is not exactly of this form is refused.

import { StrataError } from '../../base/errors.ts'
import type { ChangeBatch, ChangeCursor } from './change.ts'

/** How long an epoch is: 48 random bits in hexadecimal. */
const form = /^([0-9a-f]{12}):(0|[1-9a-f][0-9a-f]{0,15}):(0|[1-9]\d{0,14})$/

export function formatCursor({ epoch, lsn, seq }: ChangeCursor): string {
  return `${epoch}:${lsn.toString(16)}:${seq}`
}

export function parseCursor(text: string): ChangeCursor {
  const [, epoch, lsn, seq] = form.exec(text) ?? []
  if (epoch === undefined || lsn === undefined || seq === undefined) {
    throw new StrataError('FEED_CURSOR_INVALID', {
      message: 'A position in the feed cannot be read',
      expected: 'epoch:lsn:number, as an event carried it',
    })
  }
  return { epoch, lsn: BigInt(`0x${lsn}`), seq: Number(seq) }
}

/** undefined: of two epochs neither comes before the other. */
export function compareCursors(left: ChangeCursor, right: ChangeCursor): number | undefined {
  if (left.epoch !== right.epoch) return undefined
  if (left.lsn !== right.lsn) return left.lsn < right.lsn ? -1 : 1
  return Math.sign(left.seq - right.seq)
}

/** Of the change at `index` of a batch. */
export function cursorOf(batch: ChangeBatch, index: number): ChangeCursor {
  return { epoch: batch.epoch, lsn: batch.lsn, seq: batch.seq + index }
}
