// npm run serve: the service on a database that is deployed, until Ctrl-C or SIGTERM. `npm run deploy` starts it, and puts the next one
// in its place without a gap.

import { runServe } from 'pgstrata-example-kit'
import { openService } from './service.ts'
import { readSettings } from './settings.ts'
import { resolveMycelix } from './strata.ts'

await runServe(async (logger) => {
  const { secret, manageTokens, ...settings } = readSettings(process.env)
  return await openService({
    config: resolveMycelix({ manageTokens }),
    ...settings,
    ...(secret === undefined ? {} : { secret }),
    logger,
  })
})
