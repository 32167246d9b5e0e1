// Clients that write to a table while something is done to it, one statement after the other with a short pause, and what the
// longest statement took: the stall that a user of the table would have seen.

import pg from 'pg'
import { createRandom } from './open-loop.ts'

export interface Writers {
  /** Stops them; the longest and the median statement, in milliseconds, and how many there were. */
  stop(): Promise<{ readonly longestMs: number; readonly medianMs: number; readonly statements: number }>
}

export interface WriterOptions {
  readonly url: string
  readonly table: string
  readonly clients: number
  /** Between the answer and the next statement. */
  readonly pauseMs: number
  /** Ids that are there at the beginning: 1 to this. */
  readonly ids: number
}

/** Half inserts, a quarter updates, a quarter deletes. */
export async function startWriters(options: WriterOptions): Promise<Writers> {
  const took: number[] = []
  let stopping = false
  const clients = await Promise.all(
    Array.from({ length: options.clients }, async () => {
      const client = new pg.Client(options.url)
      await client.connect()
      return client
    }),
  )
  const loops = clients.map(async (client, index) => {
    const random = createRandom(index + 1)
    while (!stopping) {
      const begun = performance.now()
      await client.query(statementOf(options, random))
      took.push(performance.now() - begun)
      await new Promise((resolve) => setTimeout(resolve, options.pauseMs))
    }
  })
  return {
    stop: async () => {
      stopping = true
      try {
        await Promise.all(loops)
      } finally {
        await Promise.all(clients.map((client) => client.end()))
      }
      const sorted = took.toSorted((left, right) => left - right)
      return {
        longestMs: sorted.at(-1) ?? 0,
        medianMs: sorted[Math.floor(sorted.length / 2)] ?? 0,
        statements: sorted.length,
      }
    },
  }
}

function statementOf({ table, ids }: WriterOptions, random: () => number): { text: string; values: unknown[] } {
  const id = 1 + Math.floor(random() * ids)
  const kind = random()
  if (kind < 0.25) return { text: `update ${table} set amount = amount + 1 where id = $1`, values: [id] }
  if (kind < 0.5) return { text: `delete from ${table} where id = $1`, values: [id] }
  return {
    text: `insert into ${table} (song_id, played_at, amount) values ($1, now() - $2 * interval '1 minute', 0.25)`,
    values: [id % 10_000, Math.floor(random() * 60)],
  }
}
