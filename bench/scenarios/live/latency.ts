// From the moment a commit is sent until its event is parsed in a client: a thousand clients in one process, a server in
// another, and writes that come when they come from this one.

import pg from 'pg'
import type { EmbeddedCluster } from 'pgstrata/embedded'
import type { Variant } from '../../harness/rounds.ts'
import { nowUs, startChild } from '../../support/child.ts'
import { createRandom } from '../../support/open-loop.ts'
import { withClient } from '../../support/with-client.ts'
import type { Heard } from './clients.ts'
import { freshDatabase } from './database.ts'
import { notifyTrigger, openSongs, playSong, songs, songTables } from './songs.ts'

export interface LatencySizes {
  /** Those of single songs, of all of them, of the list. */
  readonly clients: { readonly some: number; readonly all: number; readonly list: number }
  readonly perSecond: number
  readonly warmUpMs: number
  readonly measuredMs: number
}

/** Songs that a client of single songs watches. */
const watched = 5

interface Way {
  readonly name: string
  readonly server: URL
  readonly tables: readonly string[]
  readonly install: (url: string) => Promise<void>
  readonly paths: { some(ids: readonly number[]): string; readonly all: string; readonly list: string }
}

const topics = (...asked: readonly object[]): string => `/live?topics=${encodeURIComponent(JSON.stringify(asked))}`

const ways: readonly Way[] = [
  {
    name: 'live',
    server: new URL('server.ts', import.meta.url),
    tables: songTables,
    install: async (url) => {
      const strata = openSongs({ url })
      try {
        await strata.apply()
      } finally {
        await strata.close()
      }
    },
    paths: {
      some: (id) => topics({ table: 'song', key: { id } }),
      all: topics({ table: 'song' }),
      list: topics({ top: 'song_plays', orderBy: 'plays_1d', limit: 20 }),
    },
  },
  {
    name: 'notify',
    server: new URL('notify-server.ts', import.meta.url),
    tables: [...songTables, ...notifyTrigger],
    install: () => Promise.resolve(),
    paths: { some: (ids) => `/?ids=${ids.join(',')}`, all: '/', list: '/?list' },
  },
]

export function latencyVariants(
  cluster: EmbeddedCluster,
  sizes: LatencySizes,
  signal: AbortSignal,
): readonly Variant[] {
  return ways.map((way) => ({
    name: way.name,
    run: async () =>
      await freshDatabase(cluster, way.name, async (url) => {
        await withClient(url, async (client) => {
          for (const text of way.tables) await client.query(text)
        })
        await way.install(url)
        return await measure(url, way, sizes, signal)
      }),
  }))
}

async function measure(
  url: string,
  { name, server: module, paths }: Way,
  sizes: LatencySizes,
  signal: AbortSignal,
): Promise<Readonly<Record<string, number>>> {
  const server = await startChild<{ readonly port: number }>(module, { url })
  try {
    const random = createRandom(3)
    const some = Array.from({ length: sizes.clients.some }, () =>
      paths.some(Array.from({ length: watched }, () => 1 + Math.floor(random() * songs))),
    )
    const all = Array.from({ length: sizes.clients.all }, () => paths.all)
    const list = Array.from({ length: sizes.clients.list }, () => paths.list)
    const input = { port: server.ready.port, paths: [...some, ...all, ...list] }
    const clients = await startChild(new URL('clients.ts', import.meta.url), input)
    try {
      await write(url, sizes.perSecond, sizes.warmUpMs, signal)
      await clients.ask('forget')
      await write(url, sizes.perSecond, sizes.measuredMs, signal)
      const { p50Ms, p99Ms, events, lists } = await clients.ask<Heard>('heard')
      if (events === 0 || lists === 0) throw new Error(`${name}: ${events} events of rows came, ${lists} lists`)
      return { [`${name}_p50_ms`]: p50Ms, [`${name}_p99_ms`]: p99Ms, [`${name}_events`]: events }
    } finally {
      await clients.stop()
    }
  } finally {
    await server.stop()
  }
}

/** At their times, whether or not those before are answered. */
async function write(url: string, perSecond: number, forMs: number, signal: AbortSignal): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: 8 })
  const random = createRandom(5)
  const running: Promise<void>[] = []
  const begun = performance.now()
  const play = async (id: number): Promise<void> => {
    const client = await pool.connect()
    try {
      await client.query({ name: 'play', text: playSong, values: [id, nowUs()] })
    } finally {
      client.release()
    }
  }
  try {
    for (let n = 0; n < (forMs * perSecond) / 1_000; n++) {
      signal.throwIfAborted()
      const aheadMs = (n * 1_000) / perSecond - (performance.now() - begun)
      if (aheadMs > 0.5) await new Promise((resolve) => setTimeout(resolve, aheadMs))
      running.push(play(1 + Math.floor(random() * songs)))
    }
    await Promise.all(running)
    // The last of them are still on their way.
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  } finally {
    await pool.end()
  }
}
