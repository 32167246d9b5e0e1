// A client that comes back: what it has missed since its last event, or that this is not known.
//
// What must be true: 'resumed' means that nothing between its id and the head is missing in what it is given. An id that no
// event carried is either behind the floor or of another epoch ('lost'), or harmless: it only says from where on to send.

import { compareCursors, parseCursor, type ChangeCursor } from '../changes/feed/index.ts'
import { changeFrame } from './frame.ts'
import { splitKeyChange } from './match.ts'
import type { LiveTable } from './options.ts'
import type { Ring } from './ring.ts'
import type { Subscriber } from './subscriber.ts'
import { TopicIndex } from './topic-index.ts'

export interface Resume {
  readonly subscriber: Subscriber
  readonly lastEventId: string
  readonly ring: Ring
  readonly tables: readonly LiveTable[]
  /** So long may it be ahead of this process. */
  readonly aheadMs: number
}

export function resume({ subscriber, lastEventId, ring, tables, aheadMs }: Resume): 'resumed' | 'lost' {
  const cursor = readCursor(lastEventId)
  if (cursor === undefined) return 'lost'
  if ((compareCursors(cursor, ring.head) ?? -1) > 0) {
    subscriber.skipTo(cursor, aheadMs)
    return 'resumed'
  }
  const missed = ring.after(cursor)
  if (missed === undefined) return 'lost'
  const index = new TopicIndex(tables)
  for (const topic of subscriber.topics) if (topic.kind !== 'top') index.add(topic)
  for (const entry of missed) {
    if (subscriber.hasOverflowed) break
    for (const change of splitKeyChange(entry.change))
      index.route(change, (topic, concern) => {
        subscriber.push(changeFrame({ ...entry, topic, concern, change }), entry.cursor)
      })
  }
  return 'resumed'
}

function readCursor(text: string): ChangeCursor | undefined {
  try {
    return parseCursor(text)
  } catch {
    return undefined
  }
}
