// npm start: all of it on this machine. A PostgreSQL of its own, the database deployed and, where it is empty, filled; the service with its
// page, and beside it what keeps the database: jobs, the feed of changes, watching. Wallets whose keys everybody knows can be tried out in
// the page. Ends in order at Ctrl-C; the data is kept for the next start.

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
import { createDemoWallets, type DemoWallet } from './demo/wallets.ts'
import { generate } from './generator/generate.ts'
import { openService } from './service.ts'
import { readSettings } from './settings.ts'
import { folder, openSessions, resolveSessions, type SessionsConfig } from './strata.ts'

const usage = `npm start -- [--scale 0.05] [--full] [--reset]
  --scale  how much an empty database is filled with (default 0.05: 3,000 wallets, 10,000 sessions); --full is 1: a minute or two
  --reset  begins with an empty database`

await runCommand(async (signal, atEnd) => {
  const values = readArguments({
    usage,
    options: { scale: { type: 'string' }, full: { type: 'boolean' }, reset: { type: 'boolean' } },
  })
  if (values === undefined) return
  const scale = values['full'] === true ? 1 : numberOf(values, 'scale', { usual: 0.05, least: 0.001, most: 4 })
  const { moderators, manageTokens, secret: _, ...settings } = readSettings(process.env)
  const demo = createDemoWallets()
  const embedded = await openEmbedded({
    folder,
    reset: values['reset'] === true,
    fill: {
      work: async ({ url }) => await prepare(resolveSessions({ url }), { scale, demo, signal }),
      progress: createProgress,
    },
    signal,
  })
  atEnd(() => embedded.stop())
  const config = resolveSessions({ url: embedded.url, replicas: embedded.replicaUrls, manageTokens })
  await prepare(config, { scale, demo, signal })
  const service = await openService({
    config,
    ...settings,
    demo,
    moderators: [...moderators, ...demo.slice(0, 1).map(({ address }) => address)],
    logger: createLogger(),
  })
  atEnd(() => service.close())
  tell(`PostgreSQL ${embedded.version}  ${embedded.url}`)
  tell(`sessions         ${service.url}`)
  tell('Ctrl-C ends it; the data is kept.')
  await untilStopped(signal)
})

interface Preparing {
  readonly scale: number
  readonly demo: readonly DemoWallet[]
  readonly signal: AbortSignal
}

/** Deployed, and filled where it was empty. */
async function prepare(config: SessionsConfig, { scale, demo, signal }: Preparing): Promise<void> {
  const strata = openSessions(config)
  try {
    await strata.migrate.up({ signal })
    await strata.apply({ signal })
    const { rows } = await strata.pool.query('select from users limit 1')
    if (rows.length > 0) return
    await generate(strata, { scale, named: demo, progress: createProgress, signal })
  } finally {
    await strata.close()
  }
}
