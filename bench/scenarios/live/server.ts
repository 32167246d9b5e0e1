// A process that runs the feed, merges once a second and serves live events.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { liveHandler } from 'pgstrata/http'
import type { TopicSpec } from 'pgstrata/live-client'
import { serveParent } from '../../support/child.ts'
import { openSongs, type SongsOptions } from './songs.ts'

/** As the job of merges does it, which begins with the next minute. */
const mergeMs = 1_000

await serveParent<SongsOptions>(async (options) => {
  const strata = openSongs(options)
  await strata.live.start()
  await strata.changes.start()
  while (strata.live.status().position === undefined) await new Promise((resolve) => setTimeout(resolve, 20))
  const server = createServer(liveHandler<TopicSpec>(strata.live, { authorize: () => true }))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4_096, resolve))
  let merging: Promise<unknown> = Promise.resolve()
  const merges = setInterval(() => {
    // One that failed is made up for by the next.
    merging = merging.then(() => strata.rollup.merge('song_plays')).catch(() => undefined)
  }, mergeMs)
  return {
    ready: { port: (server.address() as AddressInfo).port },
    close: async () => {
      clearInterval(merges)
      await merging
      server.close()
      server.closeAllConnections()
      await strata.close()
    },
  }
})
