// npm run grow: what becomes of the database in a year, in some minutes: loaded month by month on a PostgreSQL of its own, which is gone afterwards.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createProgress, numberOf, readArguments, runCommand, tell } from 'pgstrata-example-kit'
import { startCluster } from 'pgstrata/embedded'
import { deployForMoves } from './growth/deploy.ts'
import { grow } from './growth/grow.ts'
import { beginOf, monthsFor } from './growth/months.ts'
import { documentOf, headOf, ratiosOf, rowOf } from './growth/report.ts'
import { folder, resolveWedefi } from './strata.ts'

const usage = `npm run grow -- [--wallets 50] [--tokens 500] [--days 365] [--share 0.2 | --full] [--json]
  --wallets  whose value is written down every five minutes (default 50)
  --tokens   of which each has 100 prices a day (default 500)
  --days     how far back, and a month more, so that there is something to archive (default 365)
  --share    of all prices and snapshots so many are loaded (default 0.2); --full is 1: 21 million prices, 6 million snapshots
  --json     what became of it as one JSON document on standard output`

const pricesADay = 100
const snapshotsADay = 288
/** As a server with an SSD is set: at random_page_cost 4 the planner reads all wallets of a month rather than one by its key. */
const settings = {
  max_wal_size: '8GB',
  shared_buffers: '512MB',
  checkpoint_timeout: '30min',
  random_page_cost: '1.1',
}

await runCommand(async (signal, atEnd) => {
  const values = readArguments({
    usage,
    options: {
      wallets: { type: 'string' },
      tokens: { type: 'string' },
      days: { type: 'string' },
      share: { type: 'string' },
      full: { type: 'boolean' },
      json: { type: 'boolean' },
    },
  })
  if (values === undefined) return
  const isJson = values['json'] === true
  const share = values['full'] === true ? 1 : numberOf(values, 'share', { usual: 0.2, least: 0.02, most: 1 })
  const days = numberOf(values, 'days', { usual: 365, least: 1, most: 730 })
  const base = await mkdtemp(join(tmpdir(), 'wedefi-grow-'))
  atEnd(async () => await rm(base, { recursive: true, force: true }))
  const cluster = await startCluster({ settings, durable: false, from: folder, signal })
  atEnd(() => cluster.stop())
  const now = new Date()
  const months = monthsFor(days)
  const from = beginOf({ now, months })
  const config = resolveWedefi({ url: cluster.primary.url(), replicas: {}, archiveBase: base, from })
  const strata = await deployForMoves(config, { signal })
  atEnd(() => strata.close())
  if (!isJson) tell(headOf())
  const grown = await grow(strata, {
    wallets: numberOf(values, 'wallets', { usual: 50, least: 1, most: 10_000 }),
    tokens: numberOf(values, 'tokens', { usual: 500, least: 1, most: 5_000 }),
    months,
    now,
    pace: {
      pricesADay: Math.max(1, Math.round(pricesADay * share)),
      snapshotsADay: Math.max(1, Math.round(snapshotsADay * share)),
    },
    progress: createProgress,
    signal,
    onMonth: (month) => (isJson ? undefined : tell(rowOf(month))),
  })
  if (isJson) return tell(JSON.stringify({ share, months: documentOf(grown), lastVsFirst: ratiosOf(grown) }))
  const ratios = Object.entries(ratiosOf(grown)).map(([name, ratio]) => `${name} ${ratio.toFixed(2)}`)
  tell(`The last whole month beside the first: ${ratios.join(', ')}`)
})
