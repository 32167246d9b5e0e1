// What those who write pay: microseconds a write, of 16 writers on 8 connections, with a feed from the WAL, with one from an
// outbox, with a trigger that notifies, and with nothing. Durable, for how commits share a flush is what NOTIFY changes.

import pg from 'pg'
import type { EmbeddedCluster } from 'pgstrata/embedded'
import type { Variant } from '../../harness/rounds.ts'
import { startChild, type Child } from '../../support/child.ts'
import { createRandom } from '../../support/open-loop.ts'
import { withClient } from '../../support/with-client.ts'
import { freshDatabase } from './database.ts'
import { notifyTrigger, songs, songTables } from './songs.ts'

const writers = 16
const connections = 8

interface Way {
  readonly name: string
  readonly tables: readonly string[]
  readonly start: (url: string) => Promise<Child<unknown> | undefined>
}

const feed = new URL('feed.ts', import.meta.url)

const ways: readonly Way[] = [
  { name: 'plain', tables: [], start: () => Promise.resolve(undefined) },
  { name: 'wal', tables: [], start: (url) => startChild(feed, { url, source: 'wal' }) },
  { name: 'outbox', tables: [], start: (url) => startChild(feed, { url, source: 'outbox' }) },
  {
    name: 'notify',
    tables: notifyTrigger,
    start: (url) => startChild(new URL('notify-server.ts', import.meta.url), { url }),
  },
]

export function writerVariants(cluster: EmbeddedCluster, forMs: number): readonly Variant[] {
  return ways.map(({ name, tables, start }) => ({
    name,
    run: async () =>
      await freshDatabase(cluster, name, async (url) => {
        await withClient(url, async (client) => {
          for (const text of [...songTables, ...tables]) await client.query(text)
        })
        const child = await start(url)
        try {
          return { [`write_${name}_us`]: await writeFor(url, forMs) }
        } finally {
          await child?.stop()
        }
      }),
  }))
}

/** Microseconds a write, all of them together. */
async function writeFor(url: string, forMs: number): Promise<number> {
  const pool = new pg.Pool({ connectionString: url, max: connections })
  let written = 0
  let isOver = false
  const write = async (seed: number): Promise<void> => {
    const random = createRandom(seed)
    while (!isOver) {
      const id = 1 + Math.floor(random() * songs)
      await pool.query({ name: 'write', text: 'update song set plays = plays + 1 where id = $1', values: [id] })
      written++
    }
  }
  try {
    const running = Array.from({ length: writers }, (_, seed) => write(seed))
    await new Promise((resolve) => setTimeout(resolve, forMs / 5))
    const before = written
    const begun = performance.now()
    await new Promise((resolve) => setTimeout(resolve, forMs))
    const perWrite = ((performance.now() - begun) * 1_000) / (written - before)
    isOver = true
    await Promise.all(running)
    return perWrite
  } finally {
    isOver = true
    await pool.end()
  }
}
