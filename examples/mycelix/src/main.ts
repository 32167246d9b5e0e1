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
  untilStopped,
} from 'pgstrata-example-kit'
import { sql } from 'pgstrata'
import { generate } from './generator/generate.ts'
import { openService } from './service.ts'
import { readSettings } from './settings.ts'
import { folder, openMycelix, resolveMycelix, type MycelixConfig } from './strata.ts'

const usage = `npm start -- [--plays 200_000] [--full] [--reset] [--once] [--json]
  --plays  how many an empty database is filled with (default 200,000); --full is 10,000,000: some minutes, a few GB
  --reset  begins with an empty database
  --once   ends as soon as all is ready
  --json   what is ready as one JSON document on standard output`

await runCommand(async (signal) => {
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
  const closing: (() => Promise<void>)[] = []
  try {
    const embedded = await openEmbedded({ folder, reset: values['reset'] === true, signal })
    closing.push(() => embedded.stop())
    const config = resolveMycelix({ url: embedded.url, replicas: embedded.replicaUrls, manageTokens })
    await prepare(config, { plays, signal })
    const service = await openService({ config, ...settings, logger: createLogger() })
    closing.push(() => service.close())
    const ready: Ready = {
      ready: true,
      version: embedded.version,
      primary: embedded.url,
      replicas: embedded.replicaUrls,
      url: service.url,
      dataDir: embedded.dataDir,
      tookMs: Math.round(performance.now() - beganMs),
    }
    process.stdout.write(values['json'] === true ? `${JSON.stringify(ready)}\n` : describe(ready))
    if (values['once'] !== true) await untilStopped(signal)
  } finally {
    for (const close of closing.toReversed()) await close()
  }
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
    '',
  ].join('\n')
}

/** Deployed, and filled where it was empty. */
async function prepare(
  config: MycelixConfig,
  { plays, signal }: { readonly plays: number; readonly signal: AbortSignal },
): Promise<void> {
  const strata = openMycelix(config)
  try {
    await strata.migrate.up({ signal })
    await strata.apply({ signal })
    const { rows } = await strata.query(sql`select from plays limit 1`)
    if (rows.length === 0) await generate(strata, { plays, existing: 'append', signal, progress: createProgress })
  } finally {
    await strata.close()
  }
}
