// Batches of what clients tell, into the table of events.
//
// Promises: a batch is stored in one statement, whole or not at all. An event is known by its id and its time: one that is there already is
// stored no second time, whoever sends it again and with whatever else. What is refused keeps nothing else of the batch from being
// stored. A session is told of by its two wallets alone.
// What must be true: rows are written in the order of their ids, so batches that share events wait for each other and never in a circle.

import type { Query } from '../db/query.ts'
import { insertEvents, sessionsWith } from '../db/statements/intake.ts'
import { checkEvents, type RefusedEvent, type TakenEvent } from './check.ts'

export interface Batch {
  /** As it came. */
  readonly events: readonly unknown[]
  /** undefined: nobody has signed in. */
  readonly wallet: string | undefined
  readonly now: Date
}

export interface Received {
  readonly stored: number
  /** That were there already, or came twice in the batch. */
  readonly repeated: number
  readonly refused: readonly RefusedEvent[]
}

export async function receiveEvents(query: Query, { events, wallet, now }: Batch): Promise<Received> {
  const checked = checkEvents(events, { now })
  const { taken, refused } = await refuseForeign(query, checked.taken, wallet)
  const stored = taken.length === 0 ? 0 : await store(query, taken, wallet)
  return {
    stored,
    repeated: taken.length - stored,
    refused: [...checked.refused, ...refused].toSorted((a, b) => a.index - b.index),
  }
}

async function refuseForeign(
  query: Query,
  events: readonly TakenEvent[],
  wallet: string | undefined,
): Promise<{ readonly taken: readonly TakenEvent[]; readonly refused: readonly RefusedEvent[] }> {
  const named = [...new Set(events.flatMap(({ sessionId }) => (sessionId === null ? [] : [sessionId])))]
  const own = new Set(named.length === 0 || wallet === undefined ? [] : await readOwn(query, named, wallet))
  const isOwn = ({ sessionId }: TakenEvent): boolean => sessionId === null || own.has(sessionId)
  const refused = events
    .filter((event) => !isOwn(event))
    .map(({ index }) => ({ index, where: 'session_id', expected: 'a session of the wallet that has signed in' }))
  return { taken: events.filter(isOwn), refused }
}

async function readOwn(query: Query, ids: readonly string[], wallet: string): Promise<readonly string[]> {
  const { rows } = await query<{ session_id: string }>(sessionsWith.text, [ids, wallet])
  return rows.map(({ session_id }) => session_id)
}

async function store(query: Query, events: readonly TakenEvent[], wallet: string | undefined): Promise<number> {
  const { rowCount } = await query(insertEvents.text, [
    events.map(({ eventId }) => eventId),
    events.map(({ at }) => at.toISOString()),
    events.map(({ sessionId }) => sessionId),
    events.map(({ kind }) => kind),
    events.map(({ payload }) => payload),
    wallet ?? null,
  ])
  return rowCount
}
