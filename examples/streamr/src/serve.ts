// npm run serve: the service on a database that is deployed, until Ctrl-C or SIGTERM. `npm run deploy` starts it, and puts the next one
// in its place without a gap.

import { createLogger, runCommand, tell, untilStopped } from 'pgstrata-example-kit'
import { openProber } from './prober/index.ts'
import { openService } from './service.ts'
import { readSettings } from './settings.ts'
import { resolveStreamr } from './strata.ts'

await runCommand(async (signal, atEnd) => {
  const { secret, manageTokens, ...settings } = readSettings(process.env)
  const logger = createLogger()
  const service = await openService({
    config: resolveStreamr({ manageTokens }),
    ...settings,
    ...(secret === undefined ? {} : { secret }),
    logger,
  })
  atEnd(() => service.close())
  const prober = openProber({ db: service.db, leases: service.strata.db, logger })
  // Before the service: its last results need the pool.
  atEnd(() => prober.close())
  prober.start()
  tell(service.url)
  await untilStopped(signal)
})
