// npm run generate: fills the database with tokens, wallets, what they hold, and more than a year of prices.

import { createProgress, numberOf, readArguments, runCommand, tell } from 'pgstrata-example-kit'
import { generate } from './generator/generate.ts'
import { openWedefi, resolveWedefi } from './strata.ts'

const usage = `npm run generate -- [--scale 0.1] [--seed 1] [--reset]
  --scale  1 is the full size: 500 tokens, 20,000 wallets (default 0.1)
  --seed   another seed gives other wallets and prices (default 1)
  --reset  empties the tables before
  The database is DATABASE_URL_PRIMARY, or that of pgstrata.config.ts.`

await runCommand(async (signal, atEnd) => {
  const values = readArguments({
    usage,
    options: { scale: { type: 'string' }, seed: { type: 'string' }, reset: { type: 'boolean' } },
  })
  if (values === undefined) return
  const strata = openWedefi(resolveWedefi())
  atEnd(() => strata.close())
  const report = await generate(strata, {
    scale: numberOf(values, 'scale', { usual: 0.1, least: 0.001, most: 10 }),
    seed: numberOf(values, 'seed', { usual: 1, least: 0, most: 2 ** 31 }),
    existing: values['reset'] === true ? 'reset' : 'refuse',
    progress: createProgress,
    signal,
  })
  tell(JSON.stringify(report))
})
