// npm run generate: fills the database with streams, nodes, people and ninety days of probes.

import { createProgress, numberOf, readArguments, runCommand, tell } from 'pgstrata-example-kit'
import { generate } from './generator/generate.ts'
import { openStreamr, resolveStreamr } from './strata.ts'

const usage = `npm run generate -- [--scale 0.1] [--seed 1] [--reset | --append]
  --scale   1 is the full size: 13,000 nodes, ninety days of probes (default 1)
  --seed    another seed gives another fleet (default 1)
  --reset   empties the tables before
  --append  adds to what is there
  The database is DATABASE_URL, or that of pgstrata.config.ts.`

await runCommand(async (_, atEnd) => {
  const values = readArguments({
    usage,
    options: {
      scale: { type: 'string' },
      seed: { type: 'string' },
      reset: { type: 'boolean' },
      append: { type: 'boolean' },
    },
  })
  if (values === undefined) return
  const strata = openStreamr(resolveStreamr())
  atEnd(() => strata.close())
  const report = await generate(strata, {
    scale: numberOf(values, 'scale', { usual: 1, least: 0.001, most: 10 }),
    seed: numberOf(values, 'seed', { usual: 1, least: 0, most: 2 ** 31 }),
    existing: values['reset'] === true ? 'reset' : values['append'] === true ? 'append' : 'refuse',
    progress: createProgress,
  })
  tell(JSON.stringify(report))
})
