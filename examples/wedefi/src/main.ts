// npm start: all of it on this machine. A PostgreSQL of its own with two replicas, one for reads and one for analytics; the database deployed
// and, where it is empty, filled; the service with its page. A job moves prices, so that there is something to see. Ends in order at
// Ctrl-C; the data is kept for the next start.

import { randomBytes } from 'node:crypto'
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
import { openService } from './service.ts'
import { readSettings } from './settings.ts'
import { folder, openWedefi, resolveWedefi, type WedefiConfig } from './strata.ts'

const usage = `npm start -- [--scale 0.1] [--full] [--reset] [--once]
  --scale  how much an empty database is filled with (default 0.1: 50 tokens, 2,000 wallets); --full is 1: 500 tokens, 20,000 wallets
  --reset  begins with an empty database
  --once   ends as soon as all is ready`

await runCommand(async (signal, atEnd) => {
  const values = readArguments({
    usage,
    options: {
      scale: { type: 'string' },
      full: { type: 'boolean' },
      reset: { type: 'boolean' },
      once: { type: 'boolean' },
    },
  })
  if (values === undefined) return
  const scale = values['full'] === true ? 1 : numberOf(values, 'scale', { usual: 0.1, least: 0.001, most: 10 })
  const { secret: _, manageTokens, ...settings } = readSettings(process.env)
  const embedded = await openEmbedded({
    folder,
    reset: values['reset'] === true,
    fill: {
      work: async ({ url }) => await prepare(resolveWedefi({ url, replicas: {} }), { scale, signal }),
      progress: createProgress,
    },
    signal,
  })
  atEnd(() => embedded.stop())
  const [read, analytics] = embedded.replicaUrls
  const config = resolveWedefi({ url: embedded.url, replicas: { read, analytics }, manageTokens })
  await prepare(config, { scale, signal })
  const service = await openService({
    config,
    ...settings,
    demoToken: randomBytes(24).toString('base64url'),
    logger: createLogger(),
  })
  atEnd(() => service.close())
  tell(`PostgreSQL ${embedded.version}  ${embedded.url}`)
  for (const replica of embedded.replicaUrls) tell(`its replica      ${replica}`)
  tell(`wedefi           ${service.url}`)
  tell('Ctrl-C ends it; the data is kept.')
  if (values['once'] !== true) await untilStopped(signal)
})

/** Deployed, and filled where it was empty. */
async function prepare(
  config: WedefiConfig,
  { scale, signal }: { readonly scale: number; readonly signal: AbortSignal },
): Promise<void> {
  const strata = openWedefi(config)
  try {
    await strata.migrate.up({ signal })
    await strata.apply({ signal })
    const { rows } = await strata.query(sql`select from "Wallet" limit 1`)
    if (rows.length === 0) await generate(strata, { scale, signal, progress: createProgress })
  } finally {
    await strata.close()
  }
}
