// What `npm run generate` was told. Anything that is not known is refused, with what is.

import { KitError, readArguments, type ArgumentValues } from 'pgstrata-example-kit'
import type { GenerateOptions } from './generate.ts'

const usage = `npm run generate -- [--plays 10_000_000] [--seed 1] [--reset | --refuse] [--json]
  --plays   how many; songs, artists, listeners and payments are scaled with them (default 10_000_000)
  --seed    another seed gives other people and other songs (default 1)
  --reset   empties the tables before; otherwise rows that are there are added to
  --refuse  ends where plays are there
  --json    the report as JSON, and no progress
  The database is DATABASE_URL, or that of pgstrata.config.ts. Ctrl-C keeps what is in, and puts indexes and keys back.`

interface GenerateArguments extends Pick<GenerateOptions, 'plays' | 'seed' | 'existing'> {
  readonly isJson: boolean
}

/** undefined: --help was asked for, and told. */
export function readGenerateArguments(words?: readonly string[]): GenerateArguments | undefined {
  const values = readArguments({
    usage,
    options: {
      plays: { type: 'string' },
      seed: { type: 'string' },
      reset: { type: 'boolean' },
      refuse: { type: 'boolean' },
      json: { type: 'boolean' },
    },
    ...(words === undefined ? {} : { words }),
  })
  if (values === undefined) return undefined
  const { plays, seed, reset, refuse, json } = values
  if (reset === true && refuse === true) throw new KitError('Expected --reset or --refuse, got both → say one of them')
  return {
    existing: reset === true ? 'reset' : refuse === true ? 'refuse' : 'append',
    isJson: json === true,
    ...numberIn('plays', plays),
    ...numberIn('seed', seed),
  }
}

function numberIn<Name extends string>(name: Name, given: ArgumentValues[string]): { readonly [Key in Name]?: number } {
  if (typeof given !== 'string') return {}
  if (/^\d{1,9}(_\d{3})*$/.test(given)) return { [name]: Number(given.replaceAll('_', '')) } as Record<Name, number>
  throw new KitError(`--${name}: expected a whole number such as 1_000_000, got ${given}`)
}
