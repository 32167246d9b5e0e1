// Events as bytes on the wire of Server-Sent Events, each made once for all who get it. Pure.
//
// An event carries its own id in its data, to be used as a token. The `id` field, at which a client resumes, goes out behind
// everything that was sent in one go: whoever was cut off in the middle comes back to before it, and misses nothing.

import { formatCursor, type ChangeCursor } from '../changes/feed/index.ts'
import type { Concern } from './topic-index.ts'
import type { RowsTopic } from './topic.ts'
import type { Values, WireChange } from './wire.ts'

export interface Frame {
  readonly bytes: Buffer
  /** Of frames with the same slot, the last alone is sent. */
  readonly slot: string
}

export interface ChangeFrame {
  readonly topic: RowsTopic
  readonly concern: Concern
  readonly change: WireChange
  readonly cursor: ChangeCursor
  readonly atMs: number
}

export function changeFrame({ topic, concern, change, cursor, atMs }: ChangeFrame): Frame {
  const id = formatCursor(cursor)
  const head = { id, topic: topic.name, at: atMs }
  if (topic.kind === 'rows' && concern === 'all gone')
    return eventFrame('change', { ...head, kind: 'truncate' }, `${topic.name} *`)
  const { key, row } = change
  // Without a key nothing could be put in order, or coalesced.
  if (topic.kind === 'rollup' || concern === 'maybe' || key === undefined)
    return eventFrame('change', { ...head, kind: 'changed' }, topic.name)
  const shown = row === undefined || Object.keys(row).length === 0 ? {} : { row }
  return eventFrame('change', { ...head, kind: change.kind, key, ...shown }, `${topic.name} ${slotOf(key)}`)
}

export function eventFrame(name: string, data: object, slot: string): Frame {
  return { bytes: Buffer.from(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`), slot }
}

/** Two writings of one key are one slot. */
function slotOf(key: Values): string {
  return JSON.stringify(Object.entries(key).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

/** Without data nothing is dispatched; the client resumes at it all the same. */
export function positionFrame(position: ChangeCursor): Buffer {
  return Buffer.from(`id: ${formatCursor(position)}\n\n`)
}

export function heartbeatFrame(position: ChangeCursor | undefined): Buffer {
  return Buffer.from(position === undefined ? ':\n\n' : `:\nid: ${formatCursor(position)}\n\n`)
}
