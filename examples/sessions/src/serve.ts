// npm run serve: the service on a database that is deployed, until Ctrl-C or SIGTERM. `npm run deploy` starts it, and puts the next one
// in its place without a gap.

import { createLogger, runCommand, tell, untilStopped } from 'pgstrata-example-kit'
import { openService } from './service.ts'
import { readSettings } from './settings.ts'
import { resolveSessions } from './strata.ts'

await runCommand(async (signal, atEnd) => {
  const { secret, manageTokens, ...settings } = readSettings(process.env)
  const service = await openService({
    config: resolveSessions({ manageTokens }),
    ...settings,
    ...(secret === undefined ? {} : { secret }),
    logger: createLogger(),
  })
  atEnd(() => service.close())
  tell(service.url)
  await untilStopped(signal)
})
