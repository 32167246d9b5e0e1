// A process that runs the feed, and has nobody to tell.

import { openStrata, resolveConfig } from 'pgstrata'
import { serveParent } from '../../support/child.ts'
import type { SongsOptions } from './songs.ts'

await serveParent<SongsOptions>(async ({ url, source = 'wal' }) => {
  const config = { database: { primary: url }, changes: { tables: ['song'], source } } as const
  const strata = openStrata(resolveConfig<unknown>(config, { root: '.', name: 'bench' }))
  await strata.apply()
  await strata.changes.start()
  while (strata.changes.here.handled === undefined) await new Promise((resolve) => setTimeout(resolve, 20))
  return { ready: {}, close: () => strata.close() }
})
