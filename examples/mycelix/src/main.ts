// npm start: all of it on this machine. A PostgreSQL of its own with a replica, the database deployed and, where it is empty, filled; the
// service with its page, and beside it what keeps the database: jobs, the feed of changes, watching. A job plays a few songs a second, so
// that there is something to see. Ends in order at Ctrl-C; the data is kept for the next start.

import {
  createLogger,
  createProgress,
  numberOf,
  openEmbedded,
  readArguments,
  runCommand,
  tell,
  untilStopped,
} from 'pgstrata-example-kit'
import { sql } from 'pgstrata'
import { generate } from './generator/generate.ts'
import { mendLoad } from './generator/load/mend.ts'
import { loadSettings } from './generator/load/server-settings.ts'
import { openService } from './service.ts'
import { readSettings } from './settings.ts'
import { folder, openMycelix, resolveMycelix, type MycelixConfig } from './strata.ts'

const usage = `npm start -- [--plays 200_000] [--full] [--reset] [--once] [--json]
  --plays  how many an empty database is filled with (default 200,000); --full is 10,000,000: some minutes, a few GB
  --reset  begins with an empty database
  --once   ends as soon as all is ready
  --json   what is ready as one JSON document on standard output`

await runCommand(async (signal, atEnd) => {
  const values = readArguments({
    usage,
    options: {
      plays: { type: 'string' },
      full: { type: 'boolean' },
      reset: { type: 'boolean' },
      once: { type: 'boolean' },
      json: { type: 'boolean' },
    },
  })
  if (values === undefined) return
  const asked = numberOf(values, 'plays', { usual: 200_000, least: 1_000, most: 10_000_000 })
  const plays = values['full'] === true ? 10_000_000 : Math.round(asked)
  const { secret: _, manageTokens, ...settings } = readSettings(process.env)
  const beganMs = performance.now()
  const embedded = await openEmbedded({
    folder,
    reset: values['reset'] === true,
    fill: {
      work: async ({ url }) => await prepare(resolveMycelix({ url, manageTokens }), { plays, signal, isNew: true }),
      settings: loadSettings,
      progress: createProgress,
    },
    signal,
  })
  atEnd(() => embedded.stop())
  const config = resolveMycelix({ url: embedded.url, replicas: embedded.replicaUrls, manageTokens })
  await prepare(config, { plays, signal, isNew: false })
  const service = await openService({ config, ...settings, logger: createLogger() })
  atEnd(() => service.close())
  const ready: Ready = {
    ready: true,
    version: embedded.version,
    primary: embedded.url,
    replicas: embedded.replicaUrls,
    url: service.url,
    dataDir: embedded.dataDir,
    tookMs: Math.round(performance.now() - beganMs),
  }
  tell(values['json'] === true ? JSON.stringify(ready) : describe(ready))
  if (values['once'] !== true) await untilStopped(signal)
})

interface Ready {
  readonly ready: true
  readonly version: string
  readonly primary: string
  readonly replicas: readonly string[]
  readonly url: string
  readonly dataDir: string
  readonly tookMs: number
}

function describe({ version, primary, replicas, url, tookMs }: Ready): string {
  return [
    '',
    `PostgreSQL ${version}  ${primary}`,
    ...replicas.map((replica) => `its replica      ${replica}`),
    `mycelix          ${url}`,
    '',
    `ready after ${Math.round(tookMs / 1_000)} s · Ctrl-C ends it; the data is kept`,
  ].join('\n')
}

interface Preparing {
  readonly plays: number
  readonly signal: AbortSignal
  /** What is left of data that is new begins anew. */
  readonly isNew: boolean
}

/** Deployed, and filled where it was empty. */
async function prepare(config: MycelixConfig, { plays, signal, isNew }: Preparing): Promise<void> {
  const strata = openMycelix(config)
  try {
    await strata.migrate.up({ signal })
    await strata.apply({ signal })
    await mendLoad(strata, createProgress, signal)
    const { rows } = await strata.query(sql`select from plays limit 1`)
    if (rows.length > 0) return
    await generate(strata, {
      plays,
      existing: 'append',
      ifStopped: isNew ? 'leave' : 'mend',
      signal,
      progress: createProgress,
    })
  } finally {
    await strata.close()
  }
}
