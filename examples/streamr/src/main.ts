// npm start: all of it on this machine. A PostgreSQL of its own, the database deployed and, where it is empty, filled; nodes that are
// simulated, a prober that asks them, the service. Ends in order at Ctrl-C; the data is kept for the next start.

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
import { findPeople } from './api/demo.ts'
import { openDatabase } from './database.ts'
import { generate } from './generator/generate.ts'
import { openProber } from './prober/index.ts'
import { openService } from './service.ts'
import { readSettings } from './settings.ts'
import { openSimulatedNodes } from './simulated/index.ts'
import { folder, openStreamr, resolveStreamr, type StreamrConfig } from './strata.ts'

const usage = `npm start -- [--scale 0.02] [--full] [--reset]
  --scale  how much an empty database is filled with (default 0.02: 260 nodes); --full is 1: 13,000 nodes, some minutes
  --reset  begins with an empty database`

/** Part of what nodes in the database are asked by, so it is always the same. */
const nodesPort = 8091

/** More often than in earnest, so that there is something to see. */
const lively = { pollEveryMs: 30_000, spotEveryMs: 30_000, rosterEveryMs: 5_000 }

await runCommand(async (signal, atEnd) => {
  const values = readArguments({
    usage,
    options: { scale: { type: 'string' }, full: { type: 'boolean' }, reset: { type: 'boolean' } },
  })
  if (values === undefined) return
  const scale = values['full'] === true ? 1 : numberOf(values, 'scale', { usual: 0.02, least: 0.001, most: 10 })
  const { operators, secret: _, ...settings } = readSettings(process.env)
  const embedded = await openEmbedded({
    folder,
    reset: values['reset'] === true,
    fill: {
      work: async ({ url }) => void (await prepare(resolveStreamr({ url }), { scale, signal })),
      progress: createProgress,
    },
    signal,
  })
  atEnd(() => embedded.stop())
  const config = resolveStreamr({ url: embedded.url, replicas: embedded.replicaUrls })
  const wallet = await prepare(config, { scale, signal })
  const nodes = await openSimulatedNodes({ port: nodesPort, seed: 'streamr' })
  atEnd(() => nodes.close())
  const logger = createLogger()
  const service = await openService({ config, ...settings, operators: [...operators, ...wallet], logger })
  atEnd(() => service.close())
  const prober = openProber({ db: service.db, leases: service.strata.db, settings: lively, logger })
  atEnd(() => prober.close())
  prober.start()
  tell(`PostgreSQL ${embedded.version}  ${embedded.url}`)
  tell(`simulated nodes  ${nodes.url}/control/nodes`)
  tell(`streamr          ${service.url}`)
  tell('Ctrl-C ends it; the data is kept.')
  await untilStopped(signal)
})

/** Deployed, and filled where it was empty. Gives the wallet address of somebody who is to be an operator. */
async function prepare(
  config: StreamrConfig,
  { scale, signal }: { readonly scale: number; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const strata = openStreamr(config)
  try {
    await strata.migrate.up({ signal })
    await strata.apply({ signal })
    const db = openDatabase(strata)
    const first = await db.selectFrom('streams').select('stream_id').limit(1).executeTakeFirst()
    if (first === undefined)
      await generate(strata, { scale, nodesUrl: `http://127.0.0.1:${nodesPort}`, progress: createProgress, signal })
    return (await findPeople(db, 1)).map(({ wallet_address }) => wallet_address)
  } finally {
    await strata.close()
  }
}
