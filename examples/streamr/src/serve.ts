// npm run serve: the service on a database that is deployed, until Ctrl-C or SIGTERM. `npm run deploy` starts it, and puts the next one
// in its place without a gap.

import { openProber } from './prober/index.ts'
import { openService } from './service.ts'
import { readSettings } from './settings.ts'
import { resolveStreamr } from './strata.ts'
import { createLogger, runCommand, untilStopped } from 'pgstrata-example-kit'

await runCommand(async (signal) => {
  const { secret, ...settings } = readSettings(process.env)
  const logger = createLogger()
  const service = await openService({
    config: resolveStreamr(),
    ...settings,
    ...(secret === undefined ? {} : { secret }),
    logger,
  })
  const prober = openProber({ db: service.db, leases: service.strata.db, logger })
  try {
    prober.start()
    process.stdout.write(`${service.url}\n`)
    await untilStopped(signal)
  } finally {
    // Its last results need the pool.
    await prober.close()
    await service.close()
  }
})
