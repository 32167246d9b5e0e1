// npm run generate: fills the database with wallets, ninety days of sessions, reports, blocks, balances and telemetry.

import { createProgress, numberOf, readArguments, runCommand, tell } from 'pgstrata-example-kit'
import { generate } from './generator/generate.ts'
import { openSessions } from './strata.ts'

const usage = `npm run generate -- [--scale 0.1] [--seed 1] [--reset]
  --scale  1 is the full size: 60,000 wallets, 200,000 sessions, half a million events (default 1)
  --seed   another seed gives other wallets (default 1)
  --reset  empties the tables before
  The database is DATABASE_URL, or that of pgstrata.config.ts.`

await runCommand(async (signal, atEnd) => {
  const values = readArguments({
    usage,
    options: { scale: { type: 'string' }, seed: { type: 'string' }, reset: { type: 'boolean' } },
  })
  if (values === undefined) return
  const strata = openSessions()
  atEnd(() => strata.close())
  const filled = await generate(strata, {
    scale: numberOf(values, 'scale', { usual: 1, least: 0.001, most: 4 }),
    seed: numberOf(values, 'seed', { usual: 1, least: 0, most: 2 ** 31 }),
    existing: values['reset'] === true ? 'reset' : 'refuse',
    progress: createProgress,
    signal,
  })
  tell(JSON.stringify(filled))
})
